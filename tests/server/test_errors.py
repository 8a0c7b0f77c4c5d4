# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Every row of the table of errors (docs/server.md#errors), and bad input of every kind."""
import json
import signal
import threading

import pytest
from serving import DOCUMENTS, SLOW, Server, wait_for

GOOD = {"query": "tea", "documents": DOCUMENTS}
RANKING_PATHS = ["/v2/rerank", "/v1/rerank", "/rerank", "/v1/reranking", "/reranking", "/v1/headwise/rerank"]


def check_error(answer, status, kind, *words):
    assert answer.status == status, answer.body
    assert answer.headers["content-type"] == "application/json" and answer.headers["x-request-id"]
    body = answer.json
    assert set(body) == {"message", "error"}
    assert body["error"] == {"code": status, "message": body["message"], "type": kind}
    for word in words:
        assert word in body["message"], body["message"]


@pytest.mark.parametrize("path", RANKING_PATHS)
@pytest.mark.parametrize("change, word", [
    ({"query": None}, '"query" is missing'),
    ({"query": ""}, '"query" is empty'),
    ({"query": " \n\t"}, '"query" is empty'),
    ({"query": 5}, '"query" must be a string, found a number'),
    ({"query": ["tea"]}, '"query" must be a string, found a list'),
    ({"documents": None}, '"documents" is missing'),
    ({"documents": []}, '"documents" is empty'),
    ({"documents": "tea"}, '"documents" must be a list of strings, found a string'),
    ({"documents": {"text": "tea"}}, '"documents" must be a list of strings, found an object'),
    ({"documents": ["a", 7]}, '"documents[1]" must be a string or an object with "text", found a number'),
    ({"documents": ["a", None]}, '"documents[1]" must be a string'),
    ({"documents": ["a", {"name": "b"}]}, """"documents[1]" has none of 'text'"""),
    ({"documents": ["a", {"name": "b"}], "rank_fields": ["title"]}, '"documents[1]" has none of the "rank_fields"'),
    ({"rank_fields": 3}, '"rank_fields" must be a list of strings'),
    ({"documents": ["a", {"text": 1}]}, '"documents[1].text" must be a string'),
    ({"documents": ["a", {"text": "b", "title": 2}]}, '"documents[1].title" must be a string'),
    ({"documents": ["a", {"text": "b", "id": [2]}]}, '"documents[1].id" must be a string'),
    ({"top_n": -1}, '"top_n" must be at least'),
    ({"top_n": "three"}, '"top_n" must be a whole number, found \'three\''),
    ({"top_n": 1.5}, '"top_n" must be a whole number, found 1.5'),
    ({"top_n": True}, '"top_n" must be a whole number, found true'),
    ({"return_documents": "maybe"}, '"return_documents" must be true or false, found \'maybe\''),
    ({"return_documents": 2}, '"return_documents" must be true or false, found 2'),
    ({"model": 4}, '"model" must be a string'),
    ({"score_scale": "percent"}, '"score_scale": expected one of raw, relevance, softmax, minmax'),
    ({"score_scale": "relevance"}, "relevance is not known: the heads that were read have no fit of it"),
    ({"min_score": "high"}, '"min_score" must be a number, found \'high\''),
    ({"instruction": 3}, '"instruction" must be a string'),
])
def test_fields(server, path, change, word):
    check_error(server.post(path, {**GOOD, **change}), 400, "invalid_request_error", word)


@pytest.mark.parametrize("change, word", [
    ({"heads": "no/such"}, '"heads" must be default'),
    ({"heads": "9-9"}, "9-9"),
    ({"heads": "/etc/passwd"}, '"heads" must be default'),
    ({"adapter": "/etc"}, '"adapter" must be one that /v1/models lists'),
    ({"adapter": 3}, '"adapter" must be a string'),
    ({"heads": 3}, '"heads" must be a string'),
    ({"encoding": "tree"}, '"encoding" must be one of blocks, list'),
    ({"calibration": "some"}, '"calibration" must be one of ratio, na, none'),
    ({"rows": "most"}, '"rows" must be one of'),
    ({"order": "best"}, '"order" must be one of'),
    ({"template": "/etc/passwd"}, '"template" must be one of'),
    # What the engine says of its flags is said of the fields that the request has.
    ({"template": "default"}, '"encoding"'),
    ({"filter_after_sum": True}, '"filter_after_sum"'),
    ({"encoding": "list", "block_span": 8}, '"block_span"'),
    ({"max_windows": 0}, '"max_windows" must be at least 1; "long" cut reads no windows'),
    ({"instruction": " "}, '"instruction" is blank'),
    ({"fuse": 0.7}, '"fuse" needs the first stage\'s score'),
    ({"max_words": -1}, '"max_words" must be at least 0'),
    ({"seed": "one"}, '"seed" must be a whole number'),
    ({"fuse": "most"}, '"fuse" must be'),
    ({"fuse": -1}, '"fuse" must be'),
    ({"explain": 3}, '"explain" must be an object'),
    ({"explain": {"passages": 0}}, '"explain.passages" must be at least 1'),
    ({"explain": {"per_head": "all"}}, '"explain.per_head" must be a whole number'),
    ({"timings": "maybe"}, '"timings" must be true or false'),
    ({"score": "percent"}, '"score": expected one of raw, relevance, softmax, minmax'),
    ({"queries": []}, '"queries" must be a list'),
    ({"queries": [3]}, '"queries[0]" must be an object'),
    ({"queries": [{"query": "a"}]}, '"queries[0].documents" is missing'),
    ({"queries": [{"query": "a", "documents": ["b"]}, {"query": "a", "documents": [7]}]}, '"queries[1].documents[0]" must be a string'),
    ({"queries": [{"query": "a", "documents": ["b"]}] * 101}, "101 entries"),
])
def test_fields_of_the_own_dialect(server, change, word):
    check_error(server.post("/v1/headwise/rerank", {**GOOD, **change}), 400, "invalid_request_error", word)


@pytest.mark.parametrize("body, word", [
    ({"text_1": "a"}, '"text_2" is missing'),
    ({"text_2": "a"}, '"text_1" is missing'),
    ({"text_1": "a", "text_2": []}, '"text_2" is empty'),
    ({"text_1": "", "text_2": ["b"]}, '"text_1" is empty'),
    ({"text_1": ["a", "b"], "text_2": ["a", "b", "c"]}, "found 2 and 3"),
    ({"text_1": 1, "text_2": ["a"]}, '"text_1" must be'),
])
def test_fields_of_score(server, body, word):
    check_error(server.post("/v1/score", body), 400, "invalid_request_error", word)


@pytest.mark.parametrize("body", [
    b"", b"{", b"nonsense", b'{"query": "tea", "documents": ["a"',
    b'{"query": "\xff\xfe", "documents": ["a"]}',  # not UTF-8
    b'{"query": "tea", "documents": ["\\ud800"]}',  # a lone surrogate
    b'{"query": "tea", "documents": ["\\udc00\\ud800"]}',
    b'{"query": "te\x00a", "documents": ["a"]}',  # a bare NUL byte is not JSON
    b'{"query": "tea", "documents": ' + b"[" * 100000 + b"]" * 100000 + b"}",
    b'{"a":' * 50 + b"1" + b"}" * 50,
    b'{"query": "tea", "documents": ["a"], "top_n": NaN}',
    b'{"query": "tea", "documents": ["a"], "top_n": 1e999}',
    b'{"query": "tea", "documents": ["a"], "top_n": 01}',
    b"[]", b"3", b'"text"', b"null", b"true",
], ids=range(18))
def test_bodies_that_are_no_request(server, body):
    check_error(server.post("/v1/rerank", body), 400, "invalid_request_error", "body")


def test_what_may_be_sent(server):
    """Not errors: an escaped NUL, unknown fields, null for what is optional, whole numbers in other spellings, a huge top_n."""
    for change in ({"documents": ["tea\0leaf", "wind"]}, {"nobody": [1, {"a": None}]}, {"top_n": None, "return_documents": None, "model": None},
                   {"top_n": 2.0}, {"top_n": "2"}, {"return_documents": "false"}, {"query": {"text": "tea"}}, {"top_n": 10**30}, {"top_n": 2**63}, {"query": "\U0001f642 \u202e"}):
        answer = server.post("/v1/rerank", {**GOOD, **change})
        assert answer.status == 200, answer.body
    assert len(server.post("/rerank", {**GOOD, "top_n": 0}).json["results"]) == 3  # vLLM's default
    check_error(server.post("/v2/rerank", {**GOOD, "top_n": 0}), 400, "invalid_request_error", "at least 1")


def test_tei_has_its_own_shape(server):
    answer = server.post("/rerank", {"query": "", "texts": ["a"]})
    assert answer.status == 400 and answer.json == {"error": '"query" is empty', "error_type": "Validation"}
    answer = server.post("/rerank", {"query": "tea", "texts": "a"})
    assert answer.status == 400 and answer.json["error_type"] == "Validation"


def test_paths_and_methods(server):
    check_error(server.get("/v3/rerank"), 404, "not_found_error", "/docs")
    check_error(server.get("/" + "a" * 5000), 404, "not_found_error")
    check_error(server.get("/../../etc/passwd"), 404, "not_found_error")
    for method in ("GET", "PUT", "DELETE", "PATCH"):
        answer = server.ask(method, "/v1/rerank", b"{}" if method != "GET" else None)
        check_error(answer, 405, "invalid_request_error", "takes POST, not " + method)
        assert answer.headers["allow"] == "POST, OPTIONS"
    check_error(server.post("/health", {}), 405, "invalid_request_error", "takes GET")


@pytest.mark.parametrize("path, meant", [
    ("/v1/v2/rerank", "/v2/rerank"), ("/api/v1/rerank", "/v1/rerank"), ("/V1/Rerank", "/v1/rerank"), ("/v1/v1/score", "/v1/score"),
    ("/my/infinity/rerank", "/infinity/rerank"), ("/x/v1/headwise/search", "/v1/headwise/search"),
])
def test_a_path_behind_another_is_seen(server, path, meant):
    check_error(server.post(path, GOOD), 404, "not_found_error", f"there is nothing at {path}; did you mean {meant}?")


def test_a_slash_at_the_end_is_none(server):
    for path in ("/v1/rerank/", "/v2/rerank//"):
        assert server.post(path, GOOD).status == 200
    assert server.get("/health/").status == 200 and server.get("/docs/").status == 200
    check_error(server.get("/nowhere/\u001b[2J".encode().decode("latin-1").replace("\x1b", "%1b")), 404, "not_found_error", "there is nothing at /nowhere/ [2J")


def test_instructions_of_other_dialects(server):
    """None of them has the engine's options, but an instruction; what is of the server is named as its flag."""
    check_error(server.post("/v2/rerank", {**GOOD, "instruction": "\t"}), 400, "invalid_request_error", '"instruction" is blank')
    check_error(server.post("/v2/rerank", {**GOOD, "instruction": "tea leaf " * 9000}), 413, "exceed_context_size_error",
                'the template with "instruction" takes', "shorten the instruction", "--max-prompt-tokens")


def test_limits_name_their_flags():
    with Server("--max-body", 20000, "--max-documents", 5, "--max-prompt-tokens", 200) as small:
        check_error(small.post("/v1/rerank", {**GOOD, "x": "y" * 30000}), 413, "invalid_request_error", "20000 bytes (--max-body)")
        check_error(small.post("/v1/rerank", {**GOOD, "documents": ["a"] * 6}), 413, "invalid_request_error", "--max-documents")
        own = {"queries": [{"query": "a", "documents": ["b"] * 3}] * 2}
        check_error(small.post("/v1/headwise/rerank", own), 413, "invalid_request_error", "--max-documents")
        check_error(small.post("/v1/rerank", {**GOOD, "documents": ["tea " * 300]}), 413, "exceed_context_size_error",
                    "--max-prompt-tokens")
        tei = small.post("/rerank", {"query": "tea", "texts": ["tea " * 300]})
        assert tei.status == 413 and tei.json["error_type"] == "Validation"
        assert small.post("/v1/rerank", GOOD).status == 200


def test_ten_thousand_documents(server):
    check_error(server.post("/v1/rerank", {**GOOD, "documents": ["a lamp"] * 10000}), 413, "invalid_request_error",
                "10000 entries", "--max-documents")


def test_a_word_of_a_megabyte(server):
    """It is read up to --max-windows parts of --max-tokens, and fails no other."""
    answer = server.post("/v1/rerank", {**GOOD, "documents": ["x" * 1_000_000, "tea"]})
    assert answer.status == 200 and answer.headers["x-truncated-documents"] == "1", answer.body
    hits = {hit["index"]: hit for hit in answer.json["results"]}
    assert hits[0]["truncated"] is True and hits[0]["window"]["count"] > 1 and "truncated" not in hits[1]
    assert server.health_milliseconds() < 1000


def test_a_text_that_may_not_be_cut():
    """text-embeddings-inference answers 413 and `Validation`, Voyage 400 and `detail`."""
    long = ["tea", "tea " * 20, "grain " * 30]
    with Server("--max-words", 10, "--long", "cut") as short:
        tei = short.post("/rerank", {"query": "tea", "texts": long, "truncate": False})
        assert tei.status == 413 and tei.json["error_type"] == "Validation"
        assert tei.json["error"].startswith("2 of the texts are longer") and tei.json["error"].endswith('"truncate" is false')
        left = short.post("/rerank", {"query": "tea", "texts": long, "truncate": True, "truncation_direction": "Left"})
        assert left.status == 413 and '"truncation_direction" is left' in left.json["error"]
        voyage = short.post("/v1/rerank", {"query": "tea", "documents": long, "truncation": False})
        assert voyage.status == 400 and voyage.json["detail"].endswith('"truncation" is false')
        vllm = short.post("/v1/rerank", {"query": "tea", "documents": long, "truncation_side": "left"})
        check_error(vllm, 400, "invalid_request_error", '"truncation_side" is left')
        for body in ({"texts": long, "truncate": True}, {"texts": long}, {"texts": ["tea", "grain"], "truncate": False},
                     {"documents": long, "truncation": True}, {"texts": long, "truncation_direction": "right"}):
            answer = short.post("/rerank", {"query": "tea", **body})
            assert answer.status == 200, answer.body
            assert answer.headers["x-truncated-documents"] == ("0" if "grain" in body.get("texts", ()) else "2")


def test_an_empty_document_fails_no_other(server):
    for path in RANKING_PATHS:
        for nothing in ("", " \n\t", "\u200b", {"text": ""}, {"title": " ", "text": None}):
            answer = server.post(path, {"query": "tea", "documents": [nothing, "a tea leaf", "wind"]})
            assert answer.status == 200, (path, answer.body)
            hits = answer.json["queries"][0]["results"] if "queries" in answer.json else answer.json["results"]
            assert [hit["index"] for hit in hits][-1] == 0 and hits[-1]["empty"] is True
            assert hits[-1]["relevance_score"] < hits[-2]["relevance_score"]
            assert not any("empty" in hit for hit in hits[:-1])
    noted = server.post("/v1/rerank", {"query": "tea", "documents": ["tea", "", "wind"]}).json
    assert noted["meta"]["warnings"] == ["documents[1] is empty and stands last"]
    tei = server.post("/rerank", {"query": "tea", "texts": ["", "tea", "wind"]}).json
    assert [hit["index"] for hit in tei][-1] == 0
    assert server.post("/score", {"text_1": "tea", "text_2": ["", "tea"]}).status == 200
    assert server.post("/v1/rerank", {"query": "tea", "documents": ["", " "]}).status == 200


def test_key():
    with Server("--api-key", "s3cret-key") as locked:
        right = {"Authorization": "Bearer s3cret-key"}
        for headers in ({}, {"Authorization": "Bearer s3cret"}, {"Authorization": "Bearer s3cret-keyy"}, {"Authorization": "s3cret-key"},
                        {"Authorization": "Basic s3cret-key"}, {"Authorization": "Bearer "}):
            answer = locked.post("/v1/rerank", GOOD, headers=headers)
            check_error(answer, 401, "authentication_error", "Authorization: Bearer KEY")
            assert answer.headers["www-authenticate"] == "Bearer"
        for path in ("/v1/models", "/metrics"):
            check_error(locked.get(path), 401, "authentication_error")
            assert locked.get(path, headers=right).status == 200
        assert locked.post("/v1/rerank", GOOD, headers=right).status == 200
        for path in ("/health", "/", "/docs", "/openapi.json", "/page.js"):
            assert locked.get(path).status == 200
        assert "s3cret" not in locked.log_text()


def test_an_empty_key_in_the_environment_is_told():
    with Server(HEADWISE_API_KEY="") as open_to_all:
        assert "HEADWISE_API_KEY is empty: no key, anybody may ask" in open_to_all.log_text()
        assert open_to_all.post("/v1/rerank", GOOD).status == 200
    with Server() as plain:
        assert "HEADWISE_API_KEY" not in plain.log_text()


def test_any_token_passes_without_a_key(server):
    assert server.post("/v1/rerank", GOOD, headers={"Authorization": "Bearer whatever"}).status == 200


def start_slow(server, answers):
    """A request that takes long, on a thread of its own."""
    thread = threading.Thread(target=lambda: answers.append(server.post("/v1/rerank", SLOW)))
    thread.start()
    return thread


def test_full_queue():
    with Server("--max-queue", 2, "--max-prompt-tokens", 0) as small:
        answers = []
        threads = [start_slow(small, answers) for _ in range(8)]
        for thread in threads:
            thread.join()
        assert {answer.status for answer in answers} == {200, 429}
        refused = [answer for answer in answers if answer.status == 429]
        for answer in refused:
            check_error(answer, 429, "overloaded_error", "--max-queue", "--max-queue-tokens")
            assert int(answer.headers["retry-after"]) >= 1
        assert len(answers) - len(refused) >= 2
        tei_shape = {name: value for name, value in (("query", "tea"), ("texts", SLOW["documents"]))}
        tei = []
        # The first one's work must have begun: else two of them fill the queue for a moment only, and the others are refused.
        threads = [start_slow(small, answers)]
        wait_for(lambda: small.get("/health").json["queue"]["running"] >= 1, what="running work")
        threads += [start_slow(small, answers) for _ in range(3)]
        wait_for(lambda: small.get("/health").json["queue"]["waiting"] == 2, what="a full queue")
        tei.append(small.post("/rerank", tei_shape))
        for thread in threads:
            thread.join()
        if tei[0].status == 429:
            assert tei[0].json["error_type"] == "Overloaded"


def test_shutting_down():
    with Server("--max-prompt-tokens", 0) as leaving:
        answers = []
        threads = [start_slow(leaving, answers) for _ in range(3)]
        wait_for(lambda: leaving.get("/health").json["queue"]["running"] >= 1, what="running work")
        wait_for(lambda: len(answers) + sum(leaving.get("/health").json["queue"][part] for part in ("running", "waiting")) == 3)
        leaving.process.send_signal(signal.SIGTERM)
        wait_for(lambda: leaving.get("/health").status == 503, what="the end")
        assert leaving.get("/health").json["status"] == "stopping"
        late = leaving.post("/v1/rerank", GOOD)
        check_error(late, 503, "overloaded_error", "shutting down")
        assert int(late.headers["retry-after"]) >= 1
        for thread in threads:
            thread.join()
        assert [answer.status for answer in answers] == [200] * 3
        assert leaving.process.wait(30) == 0


def test_bad_flags_end_before_a_port_is_taken():
    import subprocess

    from where import BINARY, TINY, environment
    for flags, status, word in (["--api-key", "a b"], 2, "--api-key"), (["--cors", "example"], 2, "--cors"), (["--port", "70000"], 2, "--port"), \
            (["--host", "no.such.host.invalid"], 2, "--host"), (["--host", "192.0.2.1"], 3, "192.0.2.1"), (["--max-queue", "0"], 2, "--max-queue"), \
            (["--api-key", ""], 2, "--api-key: expected a value; found none"), (["--host", ""], 2, "--host: expected a value; found none"), (["--cors", ""], 2, "--cors: expected a value; found none"), \
            (["--corpus", ""], 2, "--corpus: expected a value; found none"), (["--index", "x.bm25"], 2, "--index is for a corpus: give --corpus"), \
            (["--word-frequencies", "x"], 2, "--word-frequencies is for a corpus"), (["--score", "percent"], 2, "--score"), (["--score", "relevance"], 2, "have no fit of it"), \
            (["--min-score", "high"], 2, "--min-score"):
        done = subprocess.run([str(BINARY), "serve", "--port", "0", "--model", str(TINY), *flags], capture_output=True, text=True, timeout=60,
                              env=environment())
        assert done.returncode == status and word in done.stderr, (flags, done.returncode, done.stderr)
        assert done.stdout == "" and "listening" not in done.stderr


def test_errors_are_logged(server):
    answer = server.post("/v1/rerank", {"query": "tea"}, headers={"X-Request-Id": "my-own.id_1"})
    assert answer.headers["x-request-id"] == "my-own.id_1"
    line = next(line for line in server.log_lines() if line["id"] == "my-own.id_1")
    assert line["status"] == 400 and line["dialect"] == "jina" and "documents" in line["error"] and line["path"] == "/v1/rerank"
    assert json.dumps(line).isascii()
