# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`--device`: a ranking on a device of plain memory (tests/support/fake_library.cc), from the flag to the answer; what is
refused, and in which words; that what one device computed is not gone on with on another."""
import json

import pytest
from where import FACTS, FAKE_CUDA, TINY, write_collection

STREAM = json.dumps({"query": "who wrote Emma?", "documents": FACTS}) + "\n"
FAKE = {"HEADWISE_CUDA_LIBRARY": FAKE_CUDA}
MODELS = TINY.parent


def results(headwise, *flags, model=TINY, env=None):
    said = headwise.ok("rerank", "--model", model, "--json", *flags, stdin=STREAM, env={**FAKE, **(env or {})})
    return {hit["id"]: hit["score"] for hit in json.loads(said)["results"]}


def refused(headwise, status, *flags, env=None):
    return headwise.fails(status, "rerank", "--model", TINY, *flags, stdin=STREAM, env={**FAKE, **(env or {})})


@pytest.mark.parametrize("model", ["tiny-qwen3", "tiny-llama-q8_0.gguf", "tiny-gemma3", "tiny-olmo2", "tiny-phi3"])
def test_a_device_ranks_as_the_processor_does(headwise, model):
    ours = results(headwise, "--precision", "fp32", model=MODELS / model)
    fp32 = results(headwise, "--device", "cuda", "--precision", "fp32", model=MODELS / model)
    assert list(fp32) == list(ours) and fp32 == pytest.approx(ours, abs=1e-4)
    bf16 = results(headwise, "--device", "cuda", model=MODELS / model)
    assert bf16 != fp32 and bf16 == pytest.approx(ours, abs=0.1)


def test_what_leaves_the_bits_alone(headwise):
    bits = results(headwise, "--device", "cuda")
    assert results(headwise, "--device", "cuda:0") == bits
    for flags in (["--precision", "bf16"], ["--precision", "auto"], ["--threads", "1"], ["--full-depth"],
                  ["--weights", "fp32"], ["--keep-memory", "64M"]):
        assert results(headwise, "--device", "cuda", *flags) == bits, flags
    assert results(headwise, env={"HEADWISE_DEVICE": "cuda"}) == bits


@pytest.mark.parametrize("value", ["gpu", "cuda:", "cuda:x", "cuda:-1", "cuda0", "cuda:1 ", "CUDA", "cuda:99999999999", "cpu:0"])
def test_what_no_device_is(headwise, value):
    assert f"--device: expected cpu, cuda or cuda:N, N being a card's number; found '{value}'" in refused(headwise, 2, "--device", value)


def test_no_library(headwise, tmp_path):
    said = refused(headwise, 3, "--device", "cuda", env={"HEADWISE_CUDA_LIBRARY": tmp_path / "none.so"})
    assert "needs libheadwise_cuda.so" in said and "none.so" in said and "use --device cpu" in said
    said = headwise.fails(3, "rerank", "--model", TINY, "--device", "cuda", stdin=STREAM)
    assert "needs libheadwise_cuda.so" in said and "lib/headwise/libheadwise_cuda.so" in said
    (tmp_path / "text.so").write_text("no library at all, and more than any header would take " * 9)
    assert "could not be loaded" in refused(headwise, 3, "--device", "cuda", env={"HEADWISE_CUDA_LIBRARY": tmp_path / "text.so"})


def test_a_library_of_another_version(headwise):
    said = refused(headwise, 4, "--device", "cuda", env={"HEADWISE_FAKE_VERSION": "77"})
    assert "is of version 77 and this headwise expects version" in said and "install the one that came with it" in said


def test_no_driver_and_no_such_device(headwise):
    said = refused(headwise, 3, "--device", "cuda", env={"HEADWISE_FAKE_DEVICES": "0"})
    assert "no driver is installed; install the card's driver, or use --device cpu" in said
    said = refused(headwise, 3, "--device", "cuda:3", env={"HEADWISE_FAKE_DEVICES": "2"})
    assert "--device cuda:3 cannot be had: there are 2 devices, numbered from 0; use another number" in said


def test_int8_is_not_there(headwise):
    said = refused(headwise, 4, "--device", "cuda", "--precision", "int8")
    assert "--precision int8: there are no products of it with --device cuda, which has fp32 and bf16" in said


def test_a_model_that_does_not_fit_is_refused_with_figures(headwise):
    said = refused(headwise, 5, "--device", "cuda", env={"HEADWISE_FAKE_MEMORY": "64"})
    assert "as bf16 takes 64." in said and "Fake device (cuda:0) has 64.0 MiB of 64.0 MiB free" in said


def test_a_lost_device(headwise, tmp_path):
    (tmp_path / "failure").write_text("lost")
    said = refused(headwise, 1, "--device", "cuda", env={"HEADWISE_FAKE_FAILURE": tmp_path / "failure"})
    assert "does not answer any more: start headwise again" in said


def test_a_store_of_the_other_device_is_refused(headwise, tmp_path):
    keep = ["--keep", tmp_path / "kept"]
    ours = results(headwise, "--device", "cuda", *keep)
    assert results(headwise, "--device", "cuda", *keep) == ours == results(headwise, "--device", "cuda")
    said = refused(headwise, 3, *keep)
    assert "backend: the store has 'cuda', this engine 'cpu'" in said
    said = refused(headwise, 3, "--device", "cuda", "--precision", "fp32", *keep)
    assert "precision: the store has 'bf16', this engine 'fp32'" in said


def test_a_store_of_head_scores_names_the_device(headwise, tmp_path):
    write_collection(tmp_path / "data")
    score = ["heads", "score", "--model", TINY, "--dataset", tmp_path / "data", "--run", tmp_path / "data" / "run.trec", "--output"]
    headwise.ok(*score, tmp_path / "store", "--device", "cuda", env=FAKE)
    assert json.loads((tmp_path / "store" / "manifest.json").read_text())["precision"] == "cuda bf16"


def test_bench_names_the_device_and_no_bound_of_the_processor(headwise):
    report = json.loads(headwise.ok("bench", "--model", TINY, "--passages", "2", "--repeat", "1", "--json", "--device", "cuda", env=FAKE))
    assert report["machine"]["backend"] == "cuda" and report["machine"]["kernels"].startswith("Fake device, sm_80")
    assert report["machine"]["precision"] == "bf16" and "share_of_bound" not in report["work"]
