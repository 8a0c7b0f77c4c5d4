# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Every dialect's request and answer, and that all give the binary's scores, bit for bit."""
import json
import math

import pytest
from serving import DOCUMENTS, Server, rerank
from where import ROOT, TINY

QUERY = "which leaf is of the sea?"


@pytest.fixture(scope="module")
def expected():
    return [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS)]


def pairs(results, score="relevance_score"):
    return [(hit["index"], hit[score]) for hit in results]


@pytest.mark.parametrize("path", ["/v2/rerank", "/v1/rerank", "/rerank", "/v1/reranking", "/reranking"])
def test_cohere_and_jina(server, expected, path):
    answer = server.post(path, {"model": "rerank-v3.5", "query": QUERY, "documents": DOCUMENTS})
    assert answer.status == 200 and answer.headers["content-type"] == "application/json"
    body = answer.json
    assert pairs(body["results"]) == expected
    assert body["object"] == "list" and body["model"] == "tiny-qwen3" and body["score_scale"] == "raw"
    assert body["id"] == answer.headers["x-request-id"] and answer.headers["x-score-scale"] == "raw"
    assert body["usage"]["prompt_tokens"] == body["usage"]["total_tokens"] == body["meta"]["tokens"]["input_tokens"] > 0
    assert all("document" not in hit for hit in body["results"])


@pytest.mark.parametrize("path", ["/v2/rerank", "/v1/rerank", "/rerank"])
def test_top_n_and_documents(server, expected, path):
    objects = [{"text": text, "anything": 1} for text in DOCUMENTS]
    body = server.post(path, {"query": QUERY, "documents": objects, "top_n": 2, "return_documents": True}).json
    assert pairs(body["results"]) == expected[:2]
    assert [hit["document"] for hit in body["results"]] == [{"text": DOCUMENTS[index]} for index, _ in expected[:2]]


@pytest.mark.parametrize("path", ["/infinity/rerank", "/infinity/v1/rerank"])
def test_infinity_has_bare_texts(server, expected, path):
    body = server.post(path, {"query": QUERY, "documents": DOCUMENTS, "top_n": 2, "return_documents": True}).json
    assert pairs(body["results"]) == expected[:2] and body["usage"]["prompt_tokens"] > 0
    assert [hit["document"] for hit in body["results"]] == [DOCUMENTS[index] for index, _ in expected[:2]]


def test_titles_are_part_of_a_passage(server):
    objects = [{"text": text, "title": "lamp"} for text in DOCUMENTS]
    body = server.post("/v1/rerank", {"query": QUERY, "documents": objects}).json
    assert pairs(body["results"]) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, objects)]


def test_tei(server, expected):
    body = server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "raw_scores": True, "truncate": False}).json
    assert pairs(body, "score") == expected and all(set(hit) == {"index", "score"} for hit in body)
    body = server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "return_text": True}).json
    assert [hit["text"] for hit in body] == [DOCUMENTS[index] for index, _ in expected]


@pytest.mark.parametrize("path", ["/v1/rerank", "/rerank"])
def test_voyage(server, expected, path):
    body = server.post(path, {"query": QUERY, "documents": DOCUMENTS, "top_k": None, "truncation": True}).json  # as voyageai sends it
    assert body["object"] == "list" and pairs(body["data"]) == expected and body["usage"]["total_tokens"] > 0
    body = server.post(path, {"query": QUERY, "documents": DOCUMENTS, "top_k": 1, "return_documents": True}).json
    assert body["data"] == [{"index": expected[0][0], "relevance_score": expected[0][1], "document": DOCUMENTS[expected[0][0]]}]


@pytest.mark.parametrize("path", ["/score", "/v1/score"])
def test_score(server, expected, path):
    body = server.post(path, {"text_1": QUERY, "text_2": DOCUMENTS}).json
    assert [(hit["index"], hit["score"]) for hit in body["data"]] == sorted(expected)
    many = server.post(path, {"text_1": [QUERY] * 2, "text_2": DOCUMENTS[:2]}).json["data"]
    alone = [server.post(path, {"text_1": QUERY, "text_2": text}).json["data"][0]["score"] for text in DOCUMENTS[:2]]
    assert [hit["score"] for hit in many] == alone


@pytest.mark.parametrize("names", [("queries", "documents"), ("queries", "items"), ("data_1", "data_2"), ("query", "documents")])
def test_score_under_the_names_of_vllm(server, expected, names):
    body = server.post("/score", {names[0]: QUERY, names[1]: DOCUMENTS}).json
    assert [(hit["index"], hit["score"]) for hit in body["data"]] == sorted(expected)
    objects = [{"content": [{"type": "text", "text": text}]} for text in DOCUMENTS]
    body = server.post("/score", {names[0]: {"text": QUERY}, names[1]: objects}).json
    assert [(hit["index"], hit["score"]) for hit in body["data"]] == sorted(expected)


@pytest.mark.parametrize("more, member, count", [
    ({"texts": None}, "results", 3), ({"texts": True, "top_n": 2}, "results", 2), ({"top_n": 1, "top_k": None}, "results", 1),
    ({"top_n": 1, "truncation": True}, "results", 1), ({"top_n": "2"}, "results", 2), ({"top_n": 2, "top_k": 1}, "results", 2),
    ({"top_n": None, "top_k": 1}, "data", 1), ({"truncation": "true", "top_k": "2"}, "data", 2)])
def test_what_is_null_picks_no_dialect(server, expected, more, member, count):
    answer = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, **more})
    assert answer.status == 200, answer.body
    assert pairs(answer.json[member]) == expected[:count]


@pytest.mark.parametrize("path", ["/v2/rerank", "/v1/rerank", "/rerank", "/v1/headwise/rerank"])
@pytest.mark.parametrize("flag, shown", [("true", True), ("True", True), (1, True), ("false", False), ("0", False), (0.0, False), (None, False)])
def test_flags_as_text(server, path, flag, shown):
    """RAGFlow's client for Xinference sends "true"."""
    body = server.post(path, {"query": QUERY, "documents": DOCUMENTS, "return_documents": flag, "return_len": "true"}).json
    hits = body["queries"][0]["results"] if "queries" in body else body["results"]
    assert [("document" in hit) for hit in hits] == [shown] * 3


def test_documents_of_other_makers(server, expected):
    """Whatever the text is called; a title alone is a text; rank_fields are read in their order."""
    for name in ("text", "Text", "content", "CONTENTS", "page_content", "body"):
        body = server.post("/v1/rerank", {"query": QUERY, "documents": [{name: text, "score": 3} for text in DOCUMENTS]}).json
        assert pairs(body["results"]) == expected, name
    titles = server.post("/v2/rerank", {"query": QUERY, "documents": [{"Title": text} for text in DOCUMENTS], "return_documents": True}).json
    assert {hit["document"]["title"] for hit in titles["results"]} == set(DOCUMENTS)
    books = [{"author": text.split()[1], "year": 1815, "name": text, "text": "never read"} for text in DOCUMENTS]
    joined = [f"{text}\n1815\n{text.split()[1]}" for text in DOCUMENTS]
    body = server.post("/v1/rerank", {"query": QUERY, "documents": books, "rank_fields": ["Name", "year", "none", "author"]}).json
    assert pairs(body["results"]) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, joined)]


def test_the_server_has_a_score_of_its_own(expected):
    raw = [score for _, score in expected]
    with Server("--score", "minmax") as server:
        for path, name in (("/v2/rerank", "documents"), ("/v1/rerank", "documents"), ("/rerank", "texts"), ("/v1/headwise/rerank", "documents")):
            answer = server.post(path, {"query": QUERY, name: DOCUMENTS})
            assert answer.headers["x-score-scale"] == "minmax", path
        body = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS}).json["results"]
        assert body[0]["relevance_score"] == 1 and body[-1]["relevance_score"] == 0
        # A request may say otherwise.
        assert pairs(server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "raw_scores": True}).json, "score") == expected
        own = server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, "score": "raw"}).json
        assert [hit["relevance_score"] for hit in own["queries"][0]["results"]] == raw and own["score_scale"] == "raw"
        soft = server.post("/score", {"queries": QUERY, "items": DOCUMENTS, "score_scale": "softmax"}).json
        assert math.isclose(sum(hit["score"] for hit in soft["data"]), 1)


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    """A set of heads with a fit of relevance, made by hand."""
    path = tmp_path_factory.mktemp("fitted") / "heads.json"
    path.write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["0-1", "1-0"],
                                "relevance": {"bias": -0.5, "weights": {"score": 2.0, "standing": 0.5}}}))
    return path


def test_others_get_relevance(fitted):
    def by(kind):
        return [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, "--heads", fitted, "--score", kind)]
    relevance = by("relevance")
    assert all(0 < score < 1 for _, score in relevance)
    with Server("--heads", fitted) as server:
        for path in ("/v2/rerank", "/v1/rerank", "/rerank", "/reranking"):
            answer = server.post(path, {"query": QUERY, "documents": DOCUMENTS})
            assert pairs(answer.json["results"]) == relevance and answer.json["score_scale"] == "relevance"
        assert pairs(server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "truncation": True}).json["data"]) == relevance
        assert pairs(server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS}).json, "score") == relevance
        assert pairs(server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "raw_scores": True}).json, "score") == by("raw")
        assert pairs(server.post("/score", {"queries": QUERY, "items": DOCUMENTS}).json["data"], "score") == sorted(relevance)
        own = {"query": QUERY, "documents": DOCUMENTS}
        assert pairs(server.post("/v1/headwise/rerank", own).json["queries"][0]["results"]) == by("raw")
        asked = server.post("/v1/headwise/rerank", {**own, "score": "relevance", "explain": True}).json["queries"][0]
        assert pairs(asked["results"]) == relevance
        # Other heads have no fit: what is usual is raw then, and who asks for it is told.
        assert server.post("/v1/headwise/rerank", {**own, "heads": "all", "score": "relevance"}).status == 400
        least = relevance[1][1]
        some = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "min_score": least}).json["results"]
        assert pairs(some) == relevance[:2]
    with Server("--heads", fitted, "--min-score", str(least), "--score", "relevance") as server:
        assert pairs(server.post("/v1/headwise/rerank", own).json["queries"][0]["results"]) == relevance[:2]
        assert len(server.post("/v1/score", {"text_1": QUERY, "text_2": DOCUMENTS}).json["data"]) == 3


def test_instructions(server, expected):
    wish = "Find what contradicts the claim."
    wanted = [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, "--instruction", wish)]
    assert wanted != expected
    for path, more in (("/v2/rerank", {"instruction": wish}), ("/v1/rerank", {"instruct": wish}),
                       ("/rerank", {"chat_template_kwargs": {"instruction": wish}}), ("/v1/rerank", {"instruction": wish, "top_n": None})):
        assert pairs(server.post(path, {"query": QUERY, "documents": DOCUMENTS, **more}).json["results"]) == wanted, path
    assert pairs(server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "instruction": wish}).json, "score") == wanted
    qwen = {"queries": f"<Instruct>: {wish}\n<Query>: {QUERY}\n", "documents": [f"<Document>: {text}" for text in DOCUMENTS]}
    assert pairs(server.post("/score", qwen).json["data"], "score") == sorted(wanted)
    both = {"queries": [{"query": QUERY, "documents": DOCUMENTS}, {"query": QUERY, "documents": DOCUMENTS, "instruction": wish}]}
    answers = server.post("/v1/headwise/rerank", both).json["queries"]
    assert [pairs(answer["results"]) for answer in answers] == [expected, wanted]
    explained = server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, "instruction": wish, "explain": True})
    assert pairs(explained.json["queries"][0]["results"]) == wanted
    blank = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "instruction": " "})
    assert blank.status == 400 and "instruction" in blank.message


def test_scales(server, expected):
    raw = [score for _, score in expected]
    body = server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS, "score_scale": "softmax", "top_n": 2})
    assert body.json["score_scale"] == body.headers["x-score-scale"] == "softmax"
    whole = sum(math.exp(score) for score in raw)
    for hit, score in zip(body.json["results"], raw):
        assert math.isclose(hit["relevance_score"], math.exp(score) / whole, rel_tol=1e-12)
    hits = server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS, "score_scale": "minmax"}).json
    assert hits[0]["score"] == 1 and hits[-1]["score"] == 0
    assert math.isclose(hits[1]["score"], (raw[1] - raw[2]) / (raw[0] - raw[2]), rel_tol=1e-12)
    assert server.post("/rerank", {"query": QUERY, "texts": DOCUMENTS[:1], "score_scale": "minmax"}).json[0]["score"] == 1


def test_own_dialect_has_the_options_of_rerank(server):
    settings = {"encoding": "list", "calibration": "na", "heads": "1-0,0-1", "order": "reversed", "max_words": 3, "token_filter": "none", "long": "cut"}
    flags = ["--encoding", "list", "--calibration", "na", "--heads", "1-0,0-1", "--order", "reversed", "--max-words", 3,
             "--token-filter", "none", "--long", "cut"]
    answer = server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, **settings, "timings": True}).json
    query = answer["queries"][0]
    assert pairs(query["results"]) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, *flags)]
    assert query["heads"] == ["1-0", "0-1"] and query["statistics"]["heads_read"] == 2
    assert query["statistics"]["truncated_passages"] == 3
    assert all(query["timings"][name] >= 0 for name in ("tokenize_seconds", "prefill_seconds", "read_seconds", "seconds"))
    assert answer["timings"]["queue_seconds"] >= 0


def test_settings_of_one_request_do_not_reach_the_next(server, expected):
    for n in range(12):  # more than are kept
        server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, "max_words": n + 1})
    assert pairs(server.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS}).json["results"]) == expected


@pytest.mark.parametrize("path, more, tokens", [
    ("/v2/rerank", {"max_tokens_per_doc": 2}, 2), ("/v1/rerank", {"max_tokens_per_doc": 2}, 2), ("/rerank", {"max_tokens_per_doc": "3"}, 3),
    ("/v1/rerank", {"truncate_prompt_tokens": 2}, 2), ("/v1/rerank", {"truncate_prompt_tokens": 3, "max_tokens_per_doc": 2.0}, 2),
    ("/v1/rerank", {"truncate_prompt_tokens": -1, "max_tokens_per_doc": 0}, 0)])
def test_token_limits(server, path, more, tokens):
    answer = server.post(path, {"query": QUERY, "documents": DOCUMENTS, **more})
    assert pairs(answer.json["results"]) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, "--max-tokens", tokens, "--long", "cut")]
    assert answer.headers["x-truncated-documents"] == ("3" if tokens else "0")
    assert ("warnings" in answer.json["meta"]) == (tokens > 0)


def test_a_word_without_end_is_cut_by_the_token_limit(server):
    """Without it, one such text would be above --max-prompt-tokens."""
    texts = ["x" * 1_000_000, "\u5317\u4eac" * 100_000, "tea"]
    for path, right in (("/v1/rerank", {"query": "tea", "documents": texts}), ("/score", {"text_1": "tea", "text_2": texts}),
                        ("/v2/rerank", {"query": "tea", "documents": texts})):
        answer = server.post(path, {**right, "max_tokens_per_doc": 50})
        assert answer.status == 200 and answer.headers["x-truncated-documents"] == "2", answer.body


def test_many_queries(server, expected):
    answer = server.post("/v1/headwise/rerank", {"queries": [{"id": "a", "query": QUERY, "documents": DOCUMENTS},
                                                             {"query": "salt", "documents": DOCUMENTS[:2]}]}).json
    assert [query["id"] for query in answer["queries"]] == ["a", "2"]
    assert pairs(answer["queries"][0]["results"]) == expected and len(answer["queries"][1]["results"]) == 2


def test_fusion(server):
    scored = [{"text": text, "score": place * 1.5} for place, text in enumerate(DOCUMENTS)]
    body = {"query": QUERY, "documents": scored, "fuse": 0.7}
    fused = server.post("/v1/headwise/rerank", body).json["queries"][0]["results"]
    assert pairs(fused) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, scored, "--fuse", "0.7")]
    ranks = server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, "fuse": "rrf"}).json
    assert pairs(ranks["queries"][0]["results"]) == [(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, "--fuse", "rrf")]
    wrong = server.post("/v1/headwise/rerank", {"query": QUERY, "documents": DOCUMENTS, "fuse": 0.7})
    assert wrong.status == 400 and "score" in wrong.message


def test_explanation_adds_up(server, expected):
    body = {"query": QUERY, "documents": DOCUMENTS, "explain": {"passages": 2, "per_head": 3}, "return_documents": True}
    query = server.post("/v1/headwise/rerank", body).json["queries"][0]
    assert pairs(query["results"]) == expected
    assert len(query["head_weights"]) == len(query["heads"])
    for hit in query["results"][:2]:
        explanation = hit["explanation"]
        assert explanation["text"].strip() == hit["document"]["text"]
        total = 0.0
        for token in explanation["tokens"]:
            total += token["weight"]
        assert total == explanation["attention_score"] == hit["relevance_score"]
        assert math.isclose(sum(explanation["head_shares"]), total, rel_tol=1e-6, abs_tol=1e-6)
        assert len(explanation["heads"]) == 3
        for head in explanation["heads"]:
            share = explanation["head_shares"][query["heads"].index(head["head"])]
            assert math.isclose(sum(head["weights"]), share, rel_tol=1e-6, abs_tol=1e-6)
    assert "explanation" not in query["results"][2]


def test_own_flags_are_the_default(expected):
    with Server("--encoding", "list", "--heads", "1-1") as other:
        body = other.post("/v1/rerank", {"query": QUERY, "documents": DOCUMENTS}).json
    assert pairs(body["results"]) == [(hit["index"], hit["score"])
                                      for hit in rerank(QUERY, DOCUMENTS, "--encoding", "list", "--heads", "1-1")] != expected


def test_adapter_and_the_model_without_it():
    base, adapter = TINY.parent / "tiny-llama-linear", ROOT / "tests" / "data" / "adapters" / "lora"
    with Server("--adapter", adapter, model=base) as server:
        assert server.get("/v1/models").json["data"][0]["adapters"] == ["lora", "none"]
        own = {"query": QUERY, "documents": DOCUMENTS}
        answers = [pairs(server.post("/v1/headwise/rerank", {**own, **more}).json["queries"][0]["results"])
                   for more in ({}, {"adapter": "lora"}, {"adapter": "none"}, {"adapter": "none", "max_words": 3})]
    with_it, without, cut = ([(hit["index"], hit["score"]) for hit in rerank(QUERY, DOCUMENTS, *flags, model=base)]
                             for flags in (["--adapter", adapter], [], ["--max-words", 3]))
    assert answers == [with_it, with_it, without, cut] and with_it != without
