# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`headwise tokenize`: its forms of answer, and what it says about bad lines and bad tokenizer files."""
import json

import pytest
from where import ROOT, TINY

FIXTURES = ROOT / "tests" / "data" / "tokenizer"
LLAMA = FIXTURES / "llama2" / "tokenizer.json"


@pytest.fixture
def tokenize(headwise):
    return lambda *arguments, **options: headwise.ok("tokenize", "--tokenizer", LLAMA, *arguments, **options)


def test_ids_for_each_line(tokenize):
    lines = tokenize(stdin="You may\n\nreproduce").split("\n")
    assert len(lines) == 4 and lines[1] == "" and lines[3] == ""
    assert all(word.isdigit() for word in lines[0].split() + lines[2].split()) and lines[0]


def test_json_lines_and_plain_lines_agree(tokenize):
    plain = [[int(word) for word in line.split()] for line in tokenize(stdin="You may\nCopyright é 🦙\n").splitlines()]
    spoken = [json.loads(line) for line in tokenize("--json", stdin='"You may"\n"Copyright \\u00e9 🦙"\n').splitlines()]
    assert plain == spoken
    counts = tokenize("--count", stdin="You may\nCopyright é 🦙\n").split()
    assert counts == [str(len(ids)) for ids in plain]


def test_special_tokens_are_text_unless_asked_for(tokenize):
    as_text = tokenize(stdin="</s>\n").split()
    assert len(as_text) > 1
    assert tokenize("--special", stdin="</s>\n").split() == ["2"]


def test_gguf_and_folder(headwise):
    from_folder = headwise.ok("tokenize", "--tokenizer", FIXTURES / "llama2", stdin="Licensed under\n")
    assert from_folder == headwise.ok("tokenize", "--tokenizer", FIXTURES / "spm_bytes.gguf", stdin="Licensed under\n")


def test_default_model(headwise, model):
    assert headwise.ok("tokenize", stdin="who wrote Emma?\n") == headwise.ok("tokenize", "--model", model, stdin="who wrote Emma?\n")


def test_no_lines_no_answers(tokenize):
    assert tokenize(stdin="") == ""


@pytest.mark.parametrize("arguments, text, message", [
    ([], b"abc\xff\n", "byte 3"),
    (["--json"], b'"abc\xc3"\n', "byte 4"),
    (["--json"], b"17\n", "expected a JSON string"),
    (["--json"], b'"half\n', "expected a JSON string"),
    (["--json"], b'"\\ud800"\n', "expected a JSON string"),
])
def test_bad_lines_name_the_line(headwise, arguments, text, message):
    said = headwise.fails(3, "tokenize", "--tokenizer", LLAMA, *arguments, stdin=text)
    assert message in said and "line 1" in said


def test_the_line_that_is_bad_is_counted(headwise):
    done = headwise("tokenize", "--tokenizer", LLAMA, stdin=b"good\nbad \xfe\n")
    assert done.returncode == 3 and "line 2" in done.stderr and "byte 4" in done.stderr


def test_bad_files(headwise, tmp_path):
    (tmp_path / "empty.json").write_text("")
    (tmp_path / "half.json").write_bytes(LLAMA.read_bytes()[:5000])
    (tmp_path / "list.json").write_text("[]")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    unigram = json.loads(LLAMA.read_text(encoding="utf-8"))
    unigram["model"]["type"] = "Unigram"
    (tmp_path / "unigram.json").write_text(json.dumps(unigram))
    huge = json.loads(LLAMA.read_text(encoding="utf-8"))
    huge["model"]["vocab"]["a"] = 10**9
    (tmp_path / "huge.json").write_text(json.dumps(huge))
    (tmp_path / "half.gguf").write_bytes((FIXTURES / "spm_bytes.gguf").read_bytes()[:5000])
    for name, status in [("missing.json", 3), ("empty.json", 3), ("half.json", 3), ("list.json", 3), ("bytes.json", 3),
                         ("unigram.json", 4), ("huge.json", 3), ("half.gguf", 3)]:
        done = headwise("tokenize", "--tokenizer", name, stdin="text\n")
        assert done.returncode == status, (name, done.returncode, done.stderr)
        assert name in done.stderr and done.stdout == "", (name, done.stderr)


def test_tokenizer_and_model_exclude_each_other(headwise):
    said = headwise.fails(2, "tokenize", "--tokenizer", LLAMA, "--model=x", stdin="")
    assert "--tokenizer stands in place of --model: give one of the two" in said


def test_what_is_set_for_every_run_excludes_nothing(headwise, tmp_path):
    """The word of the command line counts, wherever the other one comes from."""
    typed = ["tokenize", "--tokenizer", LLAMA]
    ids = headwise.ok(*typed, stdin="Licensed\n")
    assert headwise.ok(*typed, stdin="Licensed\n", env={"HEADWISE_MODEL": "no/such"}) == ids
    (tmp_path / "settings.toml").write_text('model = "no/such"\n')
    assert headwise.ok(*typed, "--config", "settings.toml", stdin="Licensed\n") == ids
    assert headwise.ok("tokenize", stdin="Licensed\n", env={"HEADWISE_MODEL": "no/such", "HEADWISE_TOKENIZER": LLAMA}) == ids
    other = headwise.ok("tokenize", "--model", TINY, stdin="Licensed\n", env={"HEADWISE_TOKENIZER": LLAMA})
    assert other == headwise.ok("tokenize", "--tokenizer", TINY, stdin="Licensed\n") != ids
