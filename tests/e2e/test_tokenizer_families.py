# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

"""The ids of `headwise tokenize` are those of Hugging Face tokenizers for the tokenizers of every family, trained small
(tokenizer_families.py): a few thousand random texts in every run, 100,000 in slow ones; from tokenizer.json, with and
without special tokens, and from GGUF where llama.cpp has a name for the splitting."""

import pytest
from where import ROOT

import tokenizer_families
from test_tokenizers_vs_hf import compare, ours, theirs
from tokenizer_texts import RandomTexts

SEED = 22
FAMILIES = ["gemma", *tokenizer_families.BYTE_LEVEL]
FEW, MANY = 4_000, 100_000


def training_texts():
    """Prose, program text, and random texts, so that merges cross scripts, blanks and digits."""
    files = [ROOT / "LICENSE", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "tests" / "e2e").glob("*.py"))]
    lines = [line for file in files for line in file.read_text(encoding="utf-8").splitlines(keepends=True)]
    return lines + RandomTexts(SEED + 1).texts(4_000)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The tokenizer and its files, made once."""
    folder, made = tmp_path_factory.mktemp("tokenizers"), {}

    def get(name):
        if name not in made:
            tokenizer = tokenizer_families.train(name, training_texts())
            (folder / name).mkdir()
            tokenizer.save(str(folder / name / "tokenizer.json"))
            if name in tokenizer_families.BYTE_LEVEL:
                tokenizer_families.write_gguf(tokenizer, tokenizer_families.BYTE_LEVEL[name][0], folder / name / "tokenizer.gguf")
            made[name] = folder / name
        return made[name]

    return get


def texts_of(name, folder, count):
    """Random texts, with the family's own special tokens among their words."""
    specials = [str(token.content) for token in tokenizer_families.Tokenizer.from_file(str(folder / "tokenizer.json")).get_added_tokens_decoder().values()]
    made = RandomTexts(SEED + FAMILIES.index(name))
    made.SPECIALS = [*made.SPECIALS, *specials]
    made.ENDINGS = [*made.ENDINGS, *(ending + "x" for ending in made.ENDINGS), "HTTPServer's", "camelCase'LL", "\u01c5a\u02b0B\u0301c"]
    return made.texts(count)


COUNTS = [pytest.param(FEW, id="few"), pytest.param(MANY, id="many", marks=pytest.mark.slow)]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", FAMILIES)
class TestFamilies:
    def test_json(self, name, count, trained):
        file = trained(name) / "tokenizer.json"
        texts = texts_of(name, trained(name), count)
        compare(f"{name}, random texts", texts, ours(file, texts), theirs(file, texts))

    def test_json_with_specials(self, name, count, trained):
        file = trained(name) / "tokenizer.json"
        texts = texts_of(name, trained(name), count // 5)
        compare(f"{name}, random texts, special tokens", texts, ours(file, texts, True), theirs(file, texts, True))

    def test_gguf(self, name, count, trained):
        if name == "gemma":
            return  # scores in place of merges: test_tokenizers_vs_sentencepiece.py
        folder = trained(name)
        texts = texts_of(name, folder, count // 5)
        compare(f"{name}, GGUF", texts, ours(folder / "tokenizer.gguf", texts), theirs(folder / "tokenizer.json", texts))
