# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""SentencePiece-style vocabularies (Llama 2, Mistral): from GGUF the ids are those of the sentencepiece library on the
same vocabulary, from tokenizer.json those of Hugging Face tokenizers. Fixtures: tests/golden/make_tokenizer_fixtures.py."""

import random

import pytest
from where import ROOT

from test_tokenizers_vs_hf import compare, ours, theirs
from tokenizer_texts import RandomTexts

sentencepiece = pytest.importorskip("sentencepiece")
FIXTURES = ROOT / "tests" / "data" / "tokenizer"
SEED = 7


@pytest.fixture(scope="module")
def texts():
    """Random strings, and random stretches of the text that the vocabularies were trained on, so that merges are long."""
    choice = random.Random(SEED)
    trained_on = (ROOT / "LICENSE").read_text(encoding="utf-8")
    stretches = []
    for _ in range(5_000):
        first = choice.randrange(len(trained_on))
        stretch = trained_on[first:first + choice.randint(1, 300)]
        stretches.append(stretch if choice.random() < 0.5 else " ".join(stretch.split()))
    marks = ["##", "###", "####", "[INST]", "[/INST]", " [INST] a", "a##b", "<s>", "</s>", "<unk>", "\u2581", " ", "", "  a  "]
    mixed = ["".join(choice.choice([*marks, " the", " License", "x"]) for _ in range(choice.randint(1, 6))) for _ in range(2_000)]
    return RandomTexts(SEED).texts(20_000) + stretches + mixed + marks


@pytest.mark.parametrize("name", ["spm_bytes", "spm_plain"])
def test_gguf_equals_sentencepiece(name, texts):
    library = sentencepiece.SentencePieceProcessor(model_file=str(FIXTURES / f"{name}.model"))
    # The library ends a text at a NUL where Python hands it over; none is among the texts' words.
    kept = [text for text in texts if "\0" not in text]
    compare(f"{name}.gguf against sentencepiece", kept, ours(FIXTURES / f"{name}.gguf", kept),
            [library.encode(text, out_type=int) for text in kept])


@pytest.mark.parametrize("special", [False, True])
@pytest.mark.parametrize("name", ["llama2", "mistral"])
def test_json_equals_hugging_face(name, special, texts):
    file = FIXTURES / name / "tokenizer.json"
    compare(f"{name} tokenizer.json, special tokens {special}", texts, ours(file, texts, special), theirs(file, texts, special))


def test_gguf_equals_json(texts):
    """The same vocabulary as scores and as merges."""
    compare("spm_bytes.gguf against llama2 tokenizer.json", texts, ours(FIXTURES / "spm_bytes.gguf", texts),
            ours(FIXTURES / "llama2" / "tokenizer.json", texts))
