# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""The ids of `headwise tokenize` are those of Hugging Face tokenizers: on every line of the shared collections, on every
code point and on 100,000 random strings, for two real tokenizer.json files, and of the default model's GGUF file."""

import json
import subprocess

import pytest
from where import BINARY, SHARED, default_model, shared_folder

from tokenizer_texts import PACK, RandomTexts, corpus_lines, every_code_point

RANDOM_TEXTS = 100_000
SEED = 20260723

tokenizers = pytest.importorskip("tokenizers")


def ours(file, texts, special=False):
    command = [BINARY, "tokenize", "--json", "--tokenizer", file] + (["--special"] if special else [])
    lines = "".join(json.dumps(text) + "\n" for text in texts)
    done = subprocess.run(command, input=lines, capture_output=True, text=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def theirs(file, texts, special=False):
    tokenizer = tokenizers.Tokenizer.from_file(str(file))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    tokenizer.encode_special_tokens = not special
    ids = []
    for first in range(0, len(texts), 4096):  # in parts: the library keeps offsets and texts of every token
        batch = tokenizer.encode_batch_fast(texts[first:first + 4096], add_special_tokens=False)
        ids.extend(encoding.ids for encoding in batch)
    return ids


def compare(what, texts, mine, reference):
    wrong = [i for i, (a, b) in enumerate(zip(mine, reference)) if a != b]
    print(f"{what}: {len(texts) - len(wrong)} of {len(texts)} texts with identical ids, "
          f"{sum(map(len, reference))} tokens")
    assert len(mine) == len(texts) == len(reference)
    shown = [(texts[i], mine[i], reference[i]) for i in wrong[:10]]
    if wrong:
        pytest.fail(f"{what}: {len(wrong)} texts differ, the first (text, ours, theirs): {ascii(shown)}", pytrace=False)


@pytest.fixture(scope="module")
def random_texts():
    return RandomTexts(SEED).texts(RANDOM_TEXTS)


@pytest.fixture(scope="module")
def lines():
    return list(corpus_lines(shared_folder("data").parent))


@pytest.mark.parametrize("name", ["qwen3", "smollm2"])
class TestAgainstHuggingFace:
    def file(self, name):
        return shared_folder(f"tokenizers/{name}") / "tokenizer.json"

    def test_corpora(self, name, lines):
        compare(f"{name}, shared collections", lines, ours(self.file(name), lines), theirs(self.file(name), lines))

    def test_random(self, name, random_texts):
        file = self.file(name)
        compare(f"{name}, random texts", random_texts, ours(file, random_texts), theirs(file, random_texts))

    def test_random_with_specials(self, name, random_texts):
        file, texts = self.file(name), random_texts[:20_000]
        compare(f"{name}, random texts, special tokens", texts, ours(file, texts, True), theirs(file, texts, True))

    def test_every_code_point(self, name):
        file, texts = self.file(name), list(every_code_point())
        compare(f"{name}, every code point, {PACK} a text", texts, ours(file, texts), theirs(file, texts))


def test_gguf_equals_tokenizer_json(random_texts, lines):
    texts = random_texts[:20_000] + lines[::5]
    json_file, gguf = shared_folder("tokenizers/smollm2") / "tokenizer.json", default_model()
    compare("smollm2, GGUF against tokenizer.json", texts, ours(gguf, texts), ours(json_file, texts))
    compare("smollm2, GGUF with special tokens", texts[:20_000], ours(gguf, texts[:20_000], True),
            theirs(json_file, texts[:20_000], True))


def test_llama_cpp_vectors():
    """llama.cpp's own vectors for the qwen2 vocabulary: 47 texts and their ids."""
    folder = SHARED / "tokenizers" / "vectors"
    texts = (folder / "qwen2.inp").read_bytes().decode("utf-8").split("\n__ggml_vocab_test__\n")
    expected = [[int(word) for word in line.split()] for line in (folder / "qwen2.out").read_text().split("\n")]
    assert len(texts) == 47
    compare("qwen2 vectors", texts, ours(SHARED / "tokenizers" / "qwen3" / "tokenizer.json", texts), expected)
