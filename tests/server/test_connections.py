# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Clients that behave badly: slow, many, gone, hostile. /health must answer in under 50 ms beside all of them."""
import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from serving import DOCUMENTS, SLOW, Server, wait_for

GOOD = {"query": "tea", "documents": DOCUMENTS}
BODY = json.dumps(GOOD).encode()
HEALTH = 50.0  # milliseconds


def request(body: bytes, *headers: str, path="/v1/rerank", length: int | None = None) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: here", f"Content-Length: {len(body) if length is None else length}", *headers]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def check_health(server, times=20):
    """The median below the bound: one that the machine's other work delays says nothing of the server."""
    took = sorted(server.health_milliseconds() for _ in range(times))
    assert took[times // 2] < HEALTH, took


def test_a_connection_is_kept(server):
    with server.connect() as connection:
        reader = connection.makefile("rb")
        for _ in range(50):
            connection.sendall(request(BODY))
            assert reader.readline() == b"HTTP/1.1 200 OK\r\n"
            headers = {}
            while (line := reader.readline().strip()):
                name, value = line.decode().split(": ", 1)
                headers[name] = value
            assert len(json.loads(reader.read(int(headers["Content-Length"])))["results"]) == 3


def test_requests_may_come_at_once(server):
    """Pipelined: the second is read with the first and must not be lost."""
    said = server.raw(request(BODY) * 3 + request(BODY, "Connection: close"))
    assert said.count(b"HTTP/1.1 200 OK") == 4


def test_a_body_may_come_in_pieces(server):
    with server.connect() as connection:
        for place in range(0, len(data := request(BODY, "Connection: close")), 7):
            connection.sendall(data[place:place + 7])
        assert status_of(connection.recv(65536)) == 200


def chunked(body: bytes, size: int) -> bytes:
    parts = [body[place:place + size] for place in range(0, len(body), size)]
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


CHUNKED = b"POST /v1/rerank HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n"


def test_chunked_and_compressed_bodies(server):
    assert status_of(server.raw(CHUNKED + b"\r\n" + chunked(BODY, 13))) == 200
    packed = gzip.compress(BODY)
    assert status_of(server.raw(CHUNKED + b"Content-Encoding: gzip\r\n\r\n" + chunked(packed, 13))) == 200
    assert status_of(server.raw(request(packed, "Content-Encoding: gzip", "Connection: close"))) == 200
    assert status_of(server.raw(request(packed[:-30], "Content-Encoding: gzip", "Connection: close"))) == 400


def test_a_small_body_that_unpacks_to_much(server):
    bomb = gzip.compress(b'{"query": "' + b"a" * 200_000_000 + b'"}', 9)
    assert len(bomb) < 400_000
    assert status_of(server.raw(request(bomb, "Content-Encoding: gzip"))) == 413
    check_health(server)


def test_expect_continue(server):
    with server.connect() as connection:
        connection.sendall(request(b"", "Expect: 100-continue", length=len(BODY)))
        assert connection.recv(100).startswith(b"HTTP/1.1 100 Continue")
        connection.sendall(BODY)
        assert status_of(connection.recv(65536)) == 200
    refused = server.raw(request(b"", "Expect: 100-continue", length=10**9))
    assert status_of(refused) == 413 and b"100 Continue" not in refused


@pytest.mark.parametrize("data, status", [
    (b"nonsense\r\n\r\n", 400),
    (b"GET / HTTP/3.0\r\n\r\n", 400),
    (b"SPY /health HTTP/1.1\r\n\r\n", 405),
    (b"SPY /nowhere HTTP/1.1\r\n\r\n", 404),
    (b"GET /health?a?b HTTP/1.1\r\n\r\n", 400),
    (b"\xff\xfe /health HTTP/1.1\r\n\r\n", 405),
    (b"\x00 /health HTTP/1.1\r\n\r\n", 400),
    (b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\n\r\n", 414),
    (b"GET /health HTTP/1.1\r\n" + b"".join(b"X-%d: %s\r\n" % (n, b"y" * 1000) for n in range(100)) + b"\r\n", 400),
    (b"GET /health HTTP/1.1\r\nX: " + b"y" * 200_000 + b"\r\n\r\n", 400),
    (request(b"", length=-5), 400),
    (b"POST /v1/rerank HTTP/1.1\r\nContent-Length: many\r\n\r\n", 400),
    (b"POST /v1/rerank HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", 400),
    (b"POST /v1/rerank HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    (b"POST /v1/rerank HTTP/1.1\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    (CHUNKED + b"\r\nzz\r\n", 400),
    (CHUNKED + b"\r\n-1\r\n", 400),
    (CHUNKED + b"\r\nffffffffffffffffff\r\n", 400),
    (b"POST /v1/rerank HTTP/1.1\r\nConnection: close\r\n\r\n", 400),  # no body: no request
    (b"GET /health HTTP/1.1\r\nRange: bytes=" + b"0-1," * 1900 + b"0-1\r\nConnection: close\r\n\r\n", 200),
    (request(BODY, "Content-Type: multipart/form-data; boundary=x", "Connection: close"), 200),
    (request(BODY, "Content-Type: application/x-www-form-urlencoded", "Connection: close"), 200),
    (b"GET /health HTTP/1.0\r\n\r\n", 200),
    (b"HEAD /health HTTP/1.1\r\nConnection: close\r\n\r\n", 200),
], ids=range(24))
def test_heads(server, data, status):
    said = server.raw(data)
    assert status_of(said) == status, said[:300]
    if status != 200:
        assert b"Connection: close" in said
        assert json.loads(said.split(b"\r\n\r\n", 1)[1])["error"]["code"] == status


def test_a_body_nobody_reads_is_not_the_next_request(server):
    hidden = b"GET /metrics HTTP/1.1\r\n\r\n"
    for head in (b"GET /health HTTP/1.1\r\n", b"PUT /health HTTP/1.1\r\n", b"POST /nowhere HTTP/1.1\r\n"):
        said = server.raw(head + b"Content-Length: %d\r\n\r\n" % len(hidden) + hidden)
        assert said.count(b"HTTP/1.1 ") == 1, said


def test_a_hundred_megabytes(server):
    """Refused at the head; a client that sends on anyway still reads the answer."""
    answers = []

    def upload():
        with server.connect() as connection:
            connection.sendall(request(b"", length=100_000_000))
            try:
                for _ in range(100):
                    connection.sendall(b"x" * 1_000_000)
            except OSError:
                pass  # the server has heard enough
            try:
                answers.append(status_of(connection.recv(65536)))
            except OSError:
                answers.append(None)

    threads = [threading.Thread(target=upload) for _ in range(4)]
    for thread in threads:
        thread.start()
    check_health(server)
    for thread in threads:
        thread.join()
    assert 413 in answers and set(answers) <= {413, None}
    # Without a length: cut when it gets too long.
    with server.connect() as connection:
        connection.sendall(CHUNKED + b"\r\n")
        try:
            for _ in range(100):
                connection.sendall(b"%x\r\n%s\r\n" % (1_000_000, b"x" * 1_000_000))
        except OSError:
            pass
    check_health(server)


def test_slow_clients_and_a_thousand_connections():
    with Server("--max-prompt-tokens", 0) as server:
        idle, slow = [], []
        for _ in range(700):
            idle.append(server.connect())
        for place in range(300):
            connection = server.connect()
            connection.sendall(b"POST /v1/rerank HTTP/1.1\r\nX-Slow: ")
            slow.append(connection)
        wait_for(lambda: server.metric("headwise_connections") >= 1000, what="a thousand connections")
        work = threading.Thread(target=lambda: server.post("/v1/rerank", SLOW))
        work.start()
        end = time.monotonic() + 12
        while time.monotonic() < end:  # a letter now and then, past the time that a head may take
            for connection in slow:
                try:
                    connection.sendall(b"a")
                except OSError:
                    pass
            check_health(server, 5)
            time.sleep(0.3)
        assert server.post("/v1/rerank", GOOD).status == 200
        work.join()
        # Time was up for those that never finished a head; the idle ones are still there.
        wait_for(lambda: server.metric("headwise_connections") < 800, what="the end of the slow ones")
        idle[0].sendall(request(BODY))
        assert status_of(idle[0].recv(65536)) == 200
        for connection in idle + slow:
            connection.close()


def test_above_the_bound_the_longest_idle_goes():
    with Server("--max-connections", 20) as server:
        first = server.connect()
        first.sendall(b"GET /health HTTP/1.1\r\n\r\n")
        assert status_of(first.recv(65536)) == 200
        others = [server.connect() for _ in range(60)]
        check_health(server)
        first.settimeout(10)
        assert first.recv(100) == b""  # it was closed for the newer ones
        assert server.post("/v1/rerank", GOOD).status == 200
        for connection in others:
            connection.close()


CLIENT = """
import http.client, json, sys
connection = http.client.HTTPConnection(sys.argv[1], int(sys.argv[2]))
connection.request("POST", "/v1/rerank", sys.stdin.buffer.read())
print("sent", flush=True)
connection.getresponse().read()
print("answered", flush=True)
"""


def test_work_of_a_killed_client_is_dropped():
    with Server("--max-queue", 3, "--max-prompt-tokens", 0) as server:
        body = json.dumps(SLOW).encode()
        clients = []
        for _ in range(4):  # one runs, three wait
            client = subprocess.Popen([sys.executable, "-c", CLIENT, server.host, str(server.port)], stdin=subprocess.PIPE,
                                      stdout=subprocess.PIPE)
            client.stdin.write(body)
            client.stdin.close()
            clients.append(client)
        for client in clients:
            assert client.stdout.readline() == b"sent\n"
        wait_for(lambda: sum(server.get("/health").json["queue"][part] for part in ("running", "waiting")) == 4, what="four requests")
        for client in clients:
            client.send_signal(signal.SIGKILL)
            client.wait()
        start = time.monotonic()
        assert server.post("/v1/rerank", GOOD).status == 200  # room was made in the full queue
        wait_for(lambda: server.metric("headwise_abandoned_total") == 4, what="four dropped")
        alone = time.monotonic()
        assert server.post("/v1/rerank", SLOW).status == 200
        whole = time.monotonic() - alone
        assert alone - start < 2 * whole, "the dead clients' work was done"
        statuses = [line["status"] for line in server.log_lines() if line["path"] == "/v1/rerank"]
        assert statuses.count(499) == 4


def test_a_client_that_stops_reading(server):
    """Its answer fits the kernel's buffers or waits; nobody else does."""
    with server.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        connection.sendall(b"GET /openapi.json HTTP/1.1\r\n\r\n" * 200)
        check_health(server)
        assert server.post("/v1/rerank", GOOD).status == 200


def test_memory_is_steady(server):
    def resident():
        pages = int(open(f"/proc/{server.process.pid}/statm").read().split()[1])
        return pages * os.sysconf("SC_PAGESIZE")

    def some_work():
        for _ in range(300):
            assert server.post("/v1/rerank", GOOD).status == 200
            assert server.post("/v1/rerank", {"query": 1}).status == 400

    some_work()
    before = resident()
    some_work()
    some_work()
    assert resident() - before < 8 << 20


def test_sigterm_leaves_idle_connections_at_once():
    with Server() as server:
        idle = [server.connect() for _ in range(20)]
        idle[0].sendall(b"POST /v1/rerank HTTP/1.1\r\nX-Half")
        time.sleep(0.1)
        start = time.monotonic()
        assert server.stop() == 0
        assert time.monotonic() - start < 10
        for connection in idle:
            connection.settimeout(5)
            assert connection.recv(10) == b""
            connection.close()


def test_work_that_outlasts_the_patience_is_stopped():
    with Server("--drain-seconds", 0.2, "--max-prompt-tokens", 0) as server:
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(server.post("/v1/rerank", SLOW).status)) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_for(lambda: sum(server.get("/health").json["queue"][part] for part in ("running", "waiting")) == 4, what="four requests")
        assert server.stop() == 0
        for thread in threads:
            thread.join()
        assert set(answers) <= {200, 503} and 503 in answers
