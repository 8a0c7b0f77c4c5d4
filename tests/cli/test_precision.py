# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`--precision`: what it changes and what not, what is refused, and that a store of one precision
is not read in another (a journal: test_rerank_dataset.py)."""
import json
import shutil
from pathlib import Path

import pytest
from where import FACTS, PRECISION, TINY

STREAM = json.dumps({"query": "who wrote Emma?", "documents": FACTS}) + "\n"
CPU = Path("/proc/cpuinfo").read_text()


def results(headwise, *flags, env=None):
    return json.loads(headwise.ok("rerank", "--model", TINY, "--json", *flags, stdin=STREAM, env=env))["results"]


def computed_by(headwise, verb, *flags, env=None):
    question = ["--query", "who wrote Emma?", "--documents", "-", "--json", "--model", TINY]
    answer = json.loads(headwise.ok(verb, *question, *flags, stdin="\n".join(FACTS) + "\n", env=env))
    return answer["backend"], answer["precision"]


def test_the_default_is_the_fastest_that_ranks_as_fp32_does(headwise):
    assert computed_by(headwise, "rerank") == computed_by(headwise, "rerank", "--precision", "auto") == ("cpu", PRECISION)
    assert results(headwise) == results(headwise, "--precision", "auto") == results(headwise, "--precision", PRECISION)
    for without in ("avx2", "scalar"):  # the one has no bf16, the other none that is faster
        if without == "scalar" or "avx2" in CPU:
            assert computed_by(headwise, "rerank", env={"HEADWISE_ISA": without}) == ("cpu", "fp32")


def test_int8_changes_scores_a_little(headwise):
    exact = results(headwise, "--precision", "fp32")
    reduced = results(headwise, "--precision", "int8")
    by_id = {hit["id"]: hit["score"] for hit in exact}
    assert {hit["id"] for hit in reduced} == set(by_id)
    assert any(hit["score"] != by_id[hit["id"]] for hit in reduced)
    assert all(abs(hit["score"] - by_id[hit["id"]]) < 0.2 for hit in reduced)


@pytest.mark.parametrize("verb", ["rerank", "explain"])
@pytest.mark.parametrize("precision", ["fp32", "int8"])
def test_an_answer_says_what_computed_it(headwise, verb, precision):
    assert computed_by(headwise, verb, "--precision", precision) == ("cpu", precision)


def test_a_search_says_what_computed_it(headwise, tmp_path):
    (tmp_path / "facts.txt").write_text("\n".join(FACTS) + "\n")
    question = ["search", "--corpus", tmp_path / "facts.txt", "--query", "who wrote Emma?", "--json"]
    answer = json.loads(headwise.ok(*question, "--model", TINY, "--precision", "int8"))
    assert (answer["backend"], answer["precision"]) == ("cpu", "int8")
    assert "precision" not in json.loads(headwise.ok(*question, "--no-rerank"))  # nothing was computed


@pytest.mark.parametrize("flags", [["--threads", "1"], ["--threads", "3"], ["--weights", "fp32"], ["--full-depth"], ["--keep-memory", "64M"]])
def test_what_leaves_the_bits_of_int8_alone(headwise, flags):
    assert results(headwise, "--precision", "int8", *flags) == results(headwise, "--precision", "int8")


def test_what_no_precision_is(headwise):
    assert "expected one of fp32, bf16, int8, auto; found 'fp16'" in headwise.fails(2, "rerank", "--model", TINY, "--precision", "fp16", stdin=STREAM)


def test_a_processor_without_it_says_what_there_is(headwise):
    said = headwise.fails(4, "rerank", "--model", TINY, "--precision", "bf16", stdin=STREAM, env={"HEADWISE_ISA": "avx2"} if "avx2" in CPU else {})
    assert "--precision bf16" in said and "fp32, int8" in said and "auto" in said


def test_the_definition_has_every_precision(headwise):
    for precision in ("bf16", "int8"):
        assert len(results(headwise, "--precision", precision, env={"HEADWISE_ISA": "scalar"})) == len(FACTS)


def test_a_store_of_another_precision_is_refused(headwise, tmp_path):
    keep = ["--keep", tmp_path / "kept"]
    int8 = results(headwise, "--precision", "int8", *keep)
    assert results(headwise, "--precision", "int8", *keep) == int8
    said = headwise("rerank", "--model", TINY, "--json", "--precision", "fp32", *keep, stdin=STREAM)
    assert said.returncode != 0 and "precision: the store has 'int8', this engine 'fp32'" in said.stderr


def damaged_model(folder):
    """The tiny model with an infinity among its weights."""
    shutil.copytree(TINY, folder)
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    size = int.from_bytes(content[:8], "little")
    tensor = json.loads(content[8:8 + size])["model.layers.0.mlp.down_proj.weight"]
    infinity = {"F32": b"\x00\x00\x80\x7f", "BF16": b"\x80\x7f", "F16": b"\x00\x7c"}[tensor["dtype"]]
    begin = 8 + size + tensor["data_offsets"][0]
    content[begin:begin + len(infinity)] = infinity
    path.write_bytes(content)
    return folder


def test_what_int8_cannot_hold_is_an_error_and_no_clamp(headwise, tmp_path):
    (tmp_path / "facts.txt").write_text("\n".join(FACTS) + "\n")
    ask = ["rerank", "--model", damaged_model(tmp_path / "damaged"), "--query", "who wrote Emma?", "--documents", tmp_path / "facts.txt"]
    said = headwise.fails(3, *ask, "--precision", "int8")
    assert "infinite or none, which int8 cannot hold" in said and "--precision fp32" in said
    assert "not a number" in headwise.fails(3, *ask)
