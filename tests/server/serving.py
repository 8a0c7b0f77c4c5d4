# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A running `headwise serve` for tests, and requests to it with the standard library alone."""
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from where import BINARY, TINY, environment

# Takes seconds even on the small model; needs --max-prompt-tokens 0.
SLOW = {"query": "tea", "documents": [" ".join(f"word{(n * place) % 9973}" for n in range(50)) for place in range(1, 401)]}
DOCUMENTS = ["the lamp in its tower", "grain and salt and wind", "a tea leaf of the northern sea"]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self) -> str:
        return self.json["message"]


class Server:
    """A server of its own port, or of the one given. Use as a context manager."""

    def __init__(self, *arguments, model: Path | None = TINY, port: int = 0, **variables):
        self.log = tempfile.TemporaryFile("w+b")
        given = ["--model", str(model)] if model else []
        self.process = subprocess.Popen([str(BINARY), "serve", "--port", str(port), *given, *map(str, arguments)],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=self.log,
                                        env=environment(**variables))
        found = None
        end = time.monotonic() + 120
        while not found and time.monotonic() < end and self.process.poll() is None:
            time.sleep(0.01)
            found = re.search(r"listening on http://([^:\s]+|\[[^\]]+\]):(\d+)", self.log_text())
        assert found, f"the server did not start:\n{self.log_text()}"
        self.host, self.port = found[1].strip("[]"), int(found[2])
        self.url = f"http://{found[1]}:{self.port}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.log.close()

    def log_text(self) -> str:
        size = os.fstat(self.log.fileno()).st_size
        return os.pread(self.log.fileno(), size, 0).decode()

    def log_lines(self) -> list[dict]:
        return [json.loads(line) for line in self.log_text().splitlines() if line.startswith("{")]

    def ask(self, method: str, path: str, body=None, headers=None, timeout=120) -> Answer:
        """One request on a connection of its own; a body that is not bytes goes as JSON."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
            connection.request(method, path, data, headers or {})
            response = connection.getresponse()
            return Answer(response.status, {name.lower(): value for name, value in response.getheaders()}, response.read())
        finally:
            connection.close()

    def get(self, path: str, **options) -> Answer:
        return self.ask("GET", path, **options)

    def post(self, path: str, body, **options) -> Answer:
        return self.ask("POST", path, body, **options)

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=60)

    def raw(self, data: bytes, timeout=30) -> bytes:
        """What the server says to these bytes until it closes."""
        with self.connect() as connection:
            connection.settimeout(timeout)
            connection.sendall(data)
            said = b""
            while chunk := connection.recv(65536):
                said += chunk
            return said

    def health_milliseconds(self) -> float:
        start = time.perf_counter()
        assert self.get("/health").status == 200
        return 1000 * (time.perf_counter() - start)

    def metric(self, name: str) -> float:
        for line in self.get("/metrics").body.decode().splitlines():
            if line.rsplit(" ", 1)[0] == name:
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def stop(self, number: int = signal.SIGTERM, timeout=60) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)


def wait_for(condition, seconds=60.0, what="the condition"):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.005)
    raise AssertionError(f"{what} did not come true within {seconds} s")


def rerank(query: str, documents: list, *flags, model: Path | None = TINY) -> list[dict]:
    """The binary's own results: index and score, best first."""
    given = ["--model", str(model)] if model else []
    line = json.dumps({"query": query, "documents": documents}) + "\n"
    done = subprocess.run([str(BINARY), "rerank", *given, *map(str, flags)], input=line.encode(), capture_output=True,
                          env=environment(), check=True)
    return json.loads(done.stdout)["results"]
