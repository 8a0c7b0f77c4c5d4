# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Health, the model, metrics, the page's files, CORS, ids, the log."""
import json
import re
import subprocess

from serving import DOCUMENTS, Server, wait_for
from where import BINARY, PRECISION, ROOT, environment

GOOD = {"query": "tea", "documents": DOCUMENTS}


def test_health(server):
    body = server.get("/health").json
    assert body["status"] == "ok" and body["model"] == "tiny-qwen3" and body["queue"] == {"waiting": 0, "running": 0, "tokens": 0}
    version = subprocess.run([str(BINARY), "--version"], capture_output=True, text=True, env=environment()).stdout.split()[1]
    assert body["version"] == version
    head = server.ask("HEAD", "/health")
    assert head.status == 200 and head.body == b""


def test_models(server):
    body = server.get("/v1/models").json
    assert body["object"] == "list" and len(body["data"]) == 1
    model = body["data"][0]
    assert model["id"] == "tiny-qwen3" and model["object"] == "model" and model["layers"] * model["heads_per_layer"] > 0
    assert model["precision"] == PRECISION
    assert model["adapters"] == ["none"] and model["corpus_documents"] == 0
    assert model["heads"].startswith("all ") and model["head_sets"][:2] == ["default", "all"] and model["encoding"] == "blocks"


METRIC = re.compile(r'^[a-z_]+(\{[a-z_]+="[^"]*"(,[a-z_]+="[^"]*")*\})? [0-9.e+-]+$')


def test_metrics():
    with Server() as server:
        server.post("/v1/rerank", GOOD)
        server.post("/rerank", {"query": "tea", "texts": DOCUMENTS})
        server.post("/v1/rerank", {"query": "tea"})
        server.get("/nowhere/%22%0A")
        wait_for(lambda: server.metric("headwise_connections") == 1, what="one connection, that of /metrics itself")
        answer = server.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    text = answer.body.decode()
    values, types = {}, {}
    for line in text.splitlines():
        if line.startswith("# TYPE"):
            types[line.split()[2]] = line.split()[3]
        elif not line.startswith("#"):
            assert METRIC.match(line), line
            name, value = line.rsplit(" ", 1)
            assert name not in values
            values[name] = float(value)
    assert values['headwise_requests_total{dialect="jina",status="200"}'] == 1
    assert values['headwise_requests_total{dialect="tei",status="200"}'] == 1
    assert values['headwise_requests_total{dialect="jina",status="400"}'] == 1
    assert values['headwise_requests_total{dialect="none",status="404"}'] == 1
    assert values["headwise_documents_total"] == 2 * len(DOCUMENTS)
    for name in ("queue_seconds", "tokenize_seconds", "inference_seconds", "prompt_tokens"):
        assert types["headwise_" + name] == "histogram"
        buckets = [value for key, value in values.items() if key.startswith(f"headwise_{name}_bucket")]
        assert buckets == sorted(buckets) and buckets[-1] == values[f"headwise_{name}_count"] == 2
        assert values[f"headwise_{name}_sum"] > 0
    assert values["process_resident_memory_bytes"] > 1e6 and values["headwise_connections"] >= 1


def test_page_files(server):
    for path, kind in (("/", "text/html"), ("/docs", "text/html"), ("/page.js", "text/javascript"), ("/page.css", "text/css"),
                       ("/docs.js", "text/javascript"), ("/openapi.json", "application/json"), ("/demo/venus.jsonl", "application/x-ndjson")):
        answer = server.get(path)
        assert answer.status == 200 and answer.headers["content-type"].startswith(kind), path
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_page_asks_nobody_else():
    for file in (ROOT / "web").iterdir():
        text = file.read_text()
        addresses = set(re.findall(r"https?://[^\s\"'`)>]+", text)) - {"http://www.w3.org/2000/svg"}
        assert not addresses, f"{file.name}: {addresses}"
        assert "innerHTML" not in text and "eval(" not in text, file.name


def test_openapi_is_the_committed_file_and_has_every_path(server):
    committed = (ROOT / "web" / "openapi.json").read_text()
    assert server.get("/openapi.json").body.decode() == committed
    api = json.loads(committed)
    for path, methods in api["paths"].items():
        for method, does in methods.items():
            if method == "get":
                assert server.get(path).status == 200, path
                continue
            if path == "/v1/headwise/search":  # tests/server/test_corpus.py
                continue
            for example in does["requestBody"]["content"]["application/json"]["examples"].values():
                assert server.post(path, example["value"]).status == 200, (path, example)
    for path in ("/v2/rerank", "/v1/rerank", "/rerank", "/v1/reranking", "/reranking", "/score", "/v1/score", "/v1/headwise/rerank", "/health",
                 "/v1/models", "/metrics"):
        assert path in api["paths"]


def test_openapi_has_the_table_of_errors():
    """The statuses and types of src/serve/errors.cc, in the description and in docs/server.md#errors."""
    rows = re.findall(r"\{Failure::k\w+, (\d+), \"(\w+)\", \"\w+\"\}", (ROOT / "src/serve/errors.cc").read_text())
    assert len(rows) == 12
    api = json.loads((ROOT / "web" / "openapi.json").read_text())
    types = set(api["components"]["schemas"]["Error"]["properties"]["error"]["properties"]["type"]["enum"])
    assert types == {kind for _, kind in rows}
    page = (ROOT / "docs" / "server.md").read_text()
    for status, kind in rows:
        assert re.search(rf"\| {status} \| `{kind}`", page), (status, kind)


def test_no_cors_unless_asked(server):
    for answer in (server.get("/health", headers={"Origin": "https://a.example"}), server.ask("OPTIONS", "/v1/rerank")):
        assert not any(name.startswith("access-control") for name in answer.headers)


def test_cors():
    with Server("--cors", "https://a.example") as server:
        preflight = server.ask("OPTIONS", "/v1/rerank", headers={"Origin": "https://a.example", "Access-Control-Request-Method": "POST"})
        assert preflight.status == 204 and preflight.headers["access-control-allow-origin"] == "https://a.example"
        assert "POST" in preflight.headers["access-control-allow-methods"] and "Authorization" in preflight.headers["access-control-allow-headers"]
        for answer in (server.post("/v1/rerank", GOOD), server.post("/v1/rerank", {}), server.get("/nowhere")):
            assert answer.headers["access-control-allow-origin"] == "https://a.example" and answer.headers["vary"] == "Origin"
        # Clients name themselves in headers of their own; what is no list of names is not repeated.
        for wanted, allowed in (("authorization, x-fern-sdk-name,x-stainless-os", "authorization, x-fern-sdk-name,x-stainless-os"),
                                ("a: b", "Authorization, Content-Type, X-Request-Id, X-Client-Name"), ("x" * 1025, "Authorization, Content-Type, X-Request-Id, X-Client-Name")):
            preflight = server.ask("OPTIONS", "/v1/rerank", headers={"Origin": "https://a.example", "Access-Control-Request-Headers": wanted})
            assert preflight.status == 204 and preflight.headers["access-control-allow-headers"] == allowed
    with Server("--cors", "*") as server:
        assert server.get("/health").headers["access-control-allow-origin"] == "*"


# What a page may read of any answer, and what it has no use for.
SHOWN_ANYWAY = {"cache-control", "content-language", "content-length", "content-type", "expires", "last-modified", "pragma"}
NO_USE = {"connection", "keep-alive", "date", "server", "vary", "x-content-type-options", "content-security-policy", "referrer-policy"}


def test_a_page_of_elsewhere_may_read_every_header():
    """Every header that an answer of any kind has, but those that are the browser's business."""
    with Server("--cors", "https://a.example", "--api-key", "k", "--max-documents", "3") as server:
        key = {"Authorization": "Bearer k"}
        answers = [server.post(path, body, headers=key)
                   for path, body in (("/v1/rerank", GOOD), ("/rerank", {"query": "q", "texts": ["a"]}), ("/score", {"text_1": "a", "text_2": "b"}),
                                      ("/v1/headwise/rerank", GOOD), ("/v1/rerank", {}), ("/v1/rerank", {"query": "q", "documents": ["a"] * 4}))]
        answers += [server.get(path) for path in ("/health", "/", "/nowhere", "/v1/models", "/v1/rerank", "/openapi.json")]
        seen = set()
        for answer in answers:
            exposed = {name.strip().lower() for name in answer.headers["access-control-expose-headers"].split(",")}
            own = {name for name in answer.headers if not name.startswith("access-control-")} - SHOWN_ANYWAY - NO_USE
            assert own <= exposed, own - exposed
            seen |= own
        assert seen == exposed - {"retry-after"}  # that one: tests/server/test_connections.py


def test_ids(server):
    first, second = (server.post("/v1/rerank", GOOD).headers["x-request-id"] for _ in range(2))
    assert re.fullmatch("[0-9a-f]{16}", first) and first != second
    own = {"X-Request-Id": "mine.1-2_3"}
    assert server.post("/v1/rerank", GOOD, headers=own).json["id"] == "mine.1-2_3"
    for harmful in ("a b", "a\"b", "x" * 65, "é"):
        answer = server.post("/v1/rerank", GOOD, headers={"X-Request-Id": harmful.encode("latin-1")})
        assert re.fullmatch("[0-9a-f]{16}", answer.headers["x-request-id"])


def test_log():
    with Server() as server:
        server.post("/v1/rerank", GOOD, headers={"X-Request-Id": "one"})
        server.get("/no\"where", headers={"X-Request-Id": "two"})
        lines = {line["id"]: line for line in server.log_lines()}
    one = lines["one"]
    assert one["status"] == 200 and one["dialect"] == "jina" and one["documents"] == 3 and one["tokens"] > 0 and one["remote"] == "127.0.0.1"
    assert one["seconds"] >= one["queue_seconds"] >= 0 and re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", one["time"])
    assert lines["two"]["status"] == 404 and lines["two"]["path"] == '/no"where'
    assert "lamp" not in json.dumps(list(lines.values())), "texts of requests stay out of the log"
    with Server("--no-log") as server:
        server.post("/v1/rerank", GOOD)
        assert server.log_lines() == []


def test_ipv6():
    import socket
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        import pytest
        pytest.skip("hardware: this machine has no IPv6 loopback")
    with Server("--host", "::1") as server:
        assert server.url.startswith("http://[::1]:") and server.get("/health").status == 200
