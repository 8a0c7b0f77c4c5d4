# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A server with `--device cuda`, on a device of plain memory (tests/support/fake_library.cc): what it says of itself, and that it
stays up when memory runs out or the device is lost."""
import pytest
from serving import DOCUMENTS, Server
from where import FAKE_CUDA, PRECISION

GOOD = {"query": "tea", "documents": DOCUMENTS}
CUDA = ("--device", "cuda")


def scores(answer):
    assert answer.status == 200, answer.body
    return {hit["index"]: hit["relevance_score"] for hit in answer.json["results"]}


def test_a_server_names_its_device():
    with Server() as plain:
        ours = scores(plain.post("/v1/rerank", GOOD))
        assert plain.get("/v1/models").json["data"][0]["backend"] == "cpu"
        assert f'headwise_model_info{{backend="cpu",precision="{PRECISION}"' in plain.get("/metrics").body.decode()
    with Server(*CUDA, HEADWISE_CUDA_LIBRARY=FAKE_CUDA) as server:
        card = server.get("/v1/models").json["data"][0]
        assert (card["backend"], card["precision"]) == ("cuda", "bf16")
        said = server.get("/metrics").body.decode()
        assert 'headwise_model_info{backend="cuda",precision="bf16",instruction_set="Fake device, sm_80, driver 13000, cuBLASLt 131000"} 1' in said
        first = scores(server.post("/v1/rerank", GOOD))
        assert first == pytest.approx(ours, abs=0.1)
        assert scores(server.post("/v1/rerank", GOOD)) == first  # of passages that are kept by now
        assert server.metric('headwise_kept_passages_total{result="hit"}') == len(DOCUMENTS)


def test_a_pass_that_does_not_fit_is_refused_with_figures_and_the_next_is_answered():
    large = {"query": "tea", "documents": [f"{place} " + "word " * 290 for place in range(900)]}
    with Server(*CUDA, "--max-prompt-tokens", "0", "--keep-memory", "0", HEADWISE_CUDA_LIBRARY=FAKE_CUDA, HEADWISE_FAKE_MEMORY=72) as server:
        before = scores(server.post("/v1/rerank", GOOD))
        answer = server.post("/v1/rerank", large)
        assert answer.status == 413
        assert "a pass of " in answer.message and " tokens takes " in answer.message
        assert "of 72.0 MiB free" in answer.message
        assert scores(server.post("/v1/rerank", GOOD)) == before
        assert server.get("/health").status == 200


def test_a_lost_device_fails_the_request_and_not_the_server(tmp_path):
    failure = tmp_path / "failure"
    with Server(*CUDA, "--keep-memory", "0", HEADWISE_CUDA_LIBRARY=FAKE_CUDA, HEADWISE_FAKE_FAILURE=failure) as server:
        before = scores(server.post("/v1/rerank", GOOD))
        failure.write_text("memory")
        longer = {"query": "tea", "documents": [*DOCUMENTS, *(f"more words than before {place}" for place in range(20))]}
        answer = server.post("/v1/rerank", longer)
        assert answer.status == 413 and "use fewer or shorter passages, or --device cpu" in answer.message
        failure.unlink()
        assert len(scores(server.post("/v1/rerank", longer))) == len(longer["documents"])
        assert scores(server.post("/v1/rerank", GOOD)) == before
        failure.write_text("lost")
        longer["documents"] += [f"and many more of them {place}" for place in range(60)]
        for _ in range(2):
            answer = server.post("/v1/rerank", longer)
            assert answer.status == 500
            assert "does not answer any more: start headwise again, and look into the driver's log" in answer.message
            failure.unlink(missing_ok=True)
            longer = GOOD
        health = server.get("/health")  # whoever watches it starts the process anew
        assert (health.status, health.json["status"]) == (503, "device lost")
        assert server.get("/v1/models").status == 200
