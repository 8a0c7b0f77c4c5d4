# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Reranker(device=) on a device of plain memory, and what is said where there is none."""
import headwise
import pytest
from where import FACTS, FAKE_CUDA, TINY


def test_a_device_ranks_as_the_processor_does(monkeypatch):
    monkeypatch.setenv("HEADWISE_CUDA_LIBRARY", str(FAKE_CUDA))
    ours = {hit.index: hit.score for hit in headwise.Reranker(TINY, precision="fp32").rank("who wrote Emma?", FACTS)}
    device = headwise.Reranker(TINY, device="cuda", precision="fp32")
    assert {hit.index: hit.score for hit in device.rank("who wrote Emma?", FACTS)} == pytest.approx(ours, abs=1e-4)
    assert device.settings["device"] == "cuda" and "device" not in headwise.Reranker(TINY).settings
    explained = device.explain("who wrote Emma?", FACTS)
    assert [passage.score for passage in explained.passages] == [hit.score for hit in device.rank("who wrote Emma?", FACTS)]


def test_memory_that_runs_out_is_an_error_and_not_the_end(monkeypatch, tmp_path):
    monkeypatch.setenv("HEADWISE_CUDA_LIBRARY", str(FAKE_CUDA))
    monkeypatch.setenv("HEADWISE_FAKE_FAILURE", str(tmp_path / "failure"))
    device = headwise.Reranker(TINY, device="cuda", keep_memory=0)
    (tmp_path / "failure").write_text("memory")
    with pytest.raises(headwise.ResourceError, match="use fewer or shorter passages, or device cpu"):
        device.rank("who wrote Emma?", FACTS * 9)
    (tmp_path / "failure").unlink()
    assert len(device.rank("who wrote Emma?", FACTS * 9)) == 9 * len(FACTS)


@pytest.mark.parametrize("settings, says", [
    ({"device": "gpu"}, "device: expected cpu, cuda or cuda:N"),
    ({"device": 1}, "device: expected"),
    ({"device": "cuda"}, "needs libheadwise_cuda.so"),
    ({"device": "cuda", "precision": "int8"}, "which has fp32 and bf16"),
])
def test_what_no_device_is(monkeypatch, tmp_path, settings, says):
    monkeypatch.setenv("HEADWISE_CUDA_LIBRARY", str(tmp_path / "none.so"))
    with pytest.raises(headwise.Error, match=says):
        headwise.Reranker(TINY, **settings)
