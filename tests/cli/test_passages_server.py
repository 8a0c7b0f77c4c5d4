# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`passages build | info | drop` and rankings with a key-value server on the loopback; a server that goes away."""
import json
import shutil
import signal
import socket
import subprocess
import time

import pytest
import where
from conftest import stop, wait_for

pytestmark = pytest.mark.usefixtures("tiny")


class Server:
    """redis-server or valkey-server on a port of its own."""

    def __init__(self, program: str, folder):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.program, self.folder, self.process = program, folder, None
        self.start()

    @property
    def address(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        command = [self.program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for(self.answers, what="the server answers")

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                return connection.recv(16).startswith(b"+PONG")
        except OSError:
            return False

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def server(tmp_path):
    program = shutil.which("valkey-server") or shutil.which("redis-server")
    if program is None:
        pytest.skip("hardware: neither redis-server nor valkey-server is installed")
    running = Server(program, tmp_path)
    yield running
    running.end()


@pytest.fixture
def passages(tmp_path) -> None:
    with open(tmp_path / "some.jsonl", "w") as lines:
        for place in range(600):
            lines.write(json.dumps({"id": f"d{place}", "text": f"{place} " + " ".join(where.FACTS[place % 3:])}) + "\n")


def build(headwise, server, *flags) -> dict:
    return json.loads(headwise.ok("passages", "build", "--corpus", "some.jsonl", "--keep", server.address, "--json", *flags))


def records(headwise, server) -> list[int]:
    told = json.loads(headwise.ok("passages", "info", "--keep", server.address, "--json"))
    return [context["records"] for context in told["contexts"]]


def test_a_server_keeps_what_a_folder_keeps(headwise, server, passages):
    assert (build(headwise, server)["encoded"], build(headwise, server)["encoded"]) == (600, 0)
    assert records(headwise, server)[0] in (600, 601)
    (headwise.folder / "few.jsonl").write_text("\n".join((headwise.folder / "some.jsonl").read_text().splitlines()[::40]))
    asked = ["rerank", "--query", "who wrote Emma?", "--documents", "few.jsonl", "--json"]
    plain, kept = json.loads(headwise.ok(*asked)), json.loads(headwise.ok(*asked, "--keep", server.address))
    assert kept["results"] == plain["results"] and kept["statistics"]["passages_kept"] == 15
    table = headwise.ok("passages", "info", "--keep", server.address)
    assert "fp32, of the instruction set" in table and "records" in table


def test_contexts_stand_side_by_side_and_all_are_dropped(headwise, server, passages):
    build(headwise, server)
    build(headwise, server, "--keep-type", "int8")
    assert len(records(headwise, server)) == 2
    assert "add --yes" in headwise.fails(2, "passages", "drop", "--keep", server.address)
    assert "dropped" in headwise.ok("passages", "drop", "--keep", server.address, "--yes")
    assert records(headwise, server) == []
    assert "keeps no passages" in headwise.ok("passages", "info", "--keep", server.address)


def test_a_server_that_goes_away_ends_a_build_and_a_second_run_goes_on(headwise, server, passages):
    process = headwise.start("passages", "build", "--corpus", "some.jsonl", "--keep", server.address, "--threads", "1")
    wait_for(lambda: sum(records(headwise, server)) > 400 or process.poll() is not None, what="many passages are kept")
    server.end()
    _, said = process.communicate(timeout=120)
    assert process.returncode == 3 and b"does not keep what it is given" in said and b"passages are done" in said
    told = int(said.split(b"; ")[-1].split()[0])
    assert 0 < told < 600
    begun = time.monotonic()
    assert "does not keep what it is given" in headwise.fails(3, "passages", "build", "--corpus", "some.jsonl", "--keep", server.address)
    assert time.monotonic() - begun < 60
    headwise.fails(3, "passages", "info", "--keep", server.address)
    server.start()  # it kept nothing on disk
    assert build(headwise, server)["encoded"] == 600


def test_ctrl_c_and_a_second_run(headwise, server, passages):
    process = headwise.start("passages", "build", "--corpus", "some.jsonl", "--keep", server.address, "--threads", "1")
    wait_for(lambda: sum(records(headwise, server)) > 60 or process.poll() is not None, what="some passages are kept")
    status, said = stop(process, signal.SIGINT)
    assert status == 1 and "interrupted; " in said
    kept = sum(records(headwise, server))
    made = build(headwise, server)
    assert made["kept_before"] in (kept, kept - 1) and made["encoded"] + made["kept_before"] == 600


@pytest.mark.parametrize("status, address, words", [
    (3, "redis://:secret@127.0.0.1:1/0", "redis://127.0.0.1:1"), (2, "redis://127.0.0.1:x/0", "redis://"), (2, "redis://", "redis://"),
    (2, "http://127.0.0.1/0", "redis://host:port")])
def test_addresses_that_lead_nowhere(headwise, passages, status, address, words):
    assert words in headwise.fails(status, "passages", "build", "--corpus", "some.jsonl", "--keep", address)
    if address.startswith("redis"):
        said = headwise.fails(status, "passages", "info", "--keep", address)
        assert words in said and "secret" not in said
