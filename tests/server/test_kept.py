# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the server keeps of passages between requests: same scores, statistics, metrics, and options that do not go with it."""
import pytest
from serving import DOCUMENTS, Server, rerank

OWN = "/v1/headwise/rerank"
QUERIES = ["which leaf is of the sea?", "grain", "who lit the lamp in the tower, and why?"]


def pairs(query):
    return [(hit["index"], hit["relevance_score"]) for hit in query["results"]]


def kept(server, result):
    return server.metric(f'headwise_kept_passages_total{{result="{result}"}}')


def test_a_server_keeps_without_being_told():
    with Server("--no-warm-up") as server:
        for number, query in enumerate(QUERIES):
            answer = server.post(OWN, {"query": query, "documents": DOCUMENTS}).json["queries"][0]
            assert pairs(answer) == [(hit["index"], hit["score"]) for hit in rerank(query, DOCUMENTS)]
            statistics = answer["statistics"]
            assert statistics["passages_kept"] == (0 if number == 0 else len(DOCUMENTS))
            assert (statistics["tokens_run"] == statistics["prompt_tokens"]) == (number == 0)
        # Other heads of the same depth, and other dialects, have the same passages.
        answer = server.post(OWN, {"query": "tea", "documents": DOCUMENTS[::-1], "heads": "1-0,0-3", "explain": True}).json["queries"][0]
        assert answer["statistics"]["passages_kept"] == len(DOCUMENTS)
        assert server.post("/v1/rerank", {"query": "tea", "documents": DOCUMENTS}).status == 200
        assert kept(server, "miss") == len(DOCUMENTS) and kept(server, "hit") == 4 * len(DOCUMENTS)
        assert server.metric("headwise_kept_bytes") > 0 and server.metric("headwise_kept_evictions_total") == 0
        assert 0 < server.metric("headwise_tokens_run_sum") < server.metric("headwise_prompt_tokens_sum")


def test_a_small_memory_forgets_and_none_keeps_nothing():
    with Server("--no-warm-up", "--keep-memory", "40K") as server:
        for query in QUERIES:
            body = server.post(OWN, {"query": query, "documents": DOCUMENTS}).json["queries"][0]
            assert pairs(body) == [(hit["index"], hit["score"]) for hit in rerank(query, DOCUMENTS)]
        assert 0 <= server.metric("headwise_kept_bytes") <= 40 * 1024
    with Server("--no-warm-up", "--keep-memory", "0") as server:
        for _ in range(2):
            body = server.post(OWN, {"query": QUERIES[0], "documents": DOCUMENTS}).json["queries"][0]
            assert body["statistics"]["passages_kept"] == 0
        assert kept(server, "miss") == 0 == server.metric("headwise_kept_bytes")


def test_queries_over_the_same_documents_share_a_pass():
    with Server("--no-warm-up", "--keep-memory", "0") as server:
        other = DOCUMENTS[:2]
        asked = [{"query": query, "documents": DOCUMENTS} for query in QUERIES] + [{"query": QUERIES[0], "documents": other}]
        answers = server.post(OWN, {"queries": asked}).json["queries"]
        for answer, request in zip(answers, asked, strict=True):
            assert pairs(answer) == [(hit["index"], hit["score"]) for hit in rerank(request["query"], request["documents"])]
        run = [answer["statistics"]["tokens_run"] for answer in answers]
        assert run[1] < run[0] > run[2] and answers[1]["statistics"]["passages_kept"] == len(DOCUMENTS)
        assert answers[3]["statistics"]["passages_kept"] == 0


@pytest.mark.parametrize("flags", [(), ("--keep-memory", "1MiB", "--keep-type", "bf16")])
def test_a_client_may_ask_for_a_list(flags):
    with Server(*flags) as server:
        body = server.post(OWN, {"query": QUERIES[0], "documents": DOCUMENTS, "encoding": "list"}).json["queries"][0]
        assert pairs(body) == [(hit["index"], hit["score"]) for hit in rerank(QUERIES[0], DOCUMENTS, "--encoding", "list")]
        assert body["statistics"]["passages_kept"] == 0


def test_a_client_may_ask_for_what_the_store_does_not_hold(tmp_path):
    folder = tmp_path / "kept"
    with Server("--no-warm-up", "--keep", folder, "--keep-memory", "0") as server:
        server.post(OWN, {"query": QUERIES[0], "documents": DOCUMENTS})
    with Server("--no-warm-up", "--keep", folder, "--keep-memory", "0") as server:
        body = server.post(OWN, {"query": QUERIES[1], "documents": DOCUMENTS}).json["queries"][0]
        assert body["statistics"]["passages_kept"] == len(DOCUMENTS) == kept(server, "store_hit")
        body = server.post(OWN, {"query": QUERIES[1], "documents": DOCUMENTS, "template": "blocks-short"}).json["queries"][0]
        assert pairs(body) == [(hit["index"], hit["score"]) for hit in rerank(QUERIES[1], DOCUMENTS, "--template", "blocks-short")]
