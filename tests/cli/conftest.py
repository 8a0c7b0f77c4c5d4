# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Shared by the tests of the binary: where it is, where the default model and the shared collections are, and how it
is run. HEADWISE_BINARY names another binary (default build/release/headwise)."""
import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_MODEL = "SmolLM2-135M-Instruct.Q4_1.gguf"
# Flags may come from the environment; what the caller has set must not reach the tests.
KEPT = {"HEADWISE_HOME", "HEADWISE_ISA"}


def clean_environment(**extra) -> dict[str, str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("HEADWISE_") or name in KEPT}
    env.pop("NO_COLOR", None)
    return {**env, **{name: str(value) for name, value in extra.items()}}


class Headwise:
    """Runs the binary in a folder of its own."""

    def __init__(self, binary: Path, folder: Path):
        self.binary, self.folder = binary, folder

    def __call__(self, *arguments, stdin=b"", env=None, timeout=300, preexec=None) -> subprocess.CompletedProcess:
        """A finished run; stdout and stderr are bytes turned into text, bytes that are not UTF-8 as \\udcXX."""
        done = subprocess.run([str(self.binary), *map(str, arguments)], input=stdin if isinstance(stdin, bytes) else stdin.encode(),
                              capture_output=True, cwd=self.folder, env=clean_environment(**(env or {})),
                              timeout=timeout, preexec_fn=preexec)
        done.stdout = done.stdout.decode("utf-8", "surrogateescape")
        done.stderr = done.stderr.decode("utf-8", "surrogateescape")
        return done

    def ok(self, *arguments, **options) -> str:
        """stdout of a run that must succeed."""
        done = self(*arguments, **options)
        assert done.returncode == 0, f"{arguments}: exit status {done.returncode}\n{done.stderr}"
        return done.stdout

    def fails(self, status: int, *arguments, **options) -> str:
        """stderr of a run that must fail with that exit status, write no result and say which verb speaks."""
        done = self(*arguments, **options)
        assert done.returncode == status, f"{arguments}: exit status {done.returncode}, expected {status}\n{done.stderr}"
        assert done.stdout == "", f"{arguments}: wrote {done.stdout[:200]!r} although it failed"
        assert done.stderr.startswith("headwise"), done.stderr
        return done.stderr

    def start(self, *arguments, env=None, **options) -> subprocess.Popen:
        options = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([str(self.binary), *map(str, arguments)], cwd=self.folder,
                                env=clean_environment(**(env or {})), **options)


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("HEADWISE_BINARY", ROOT / "build" / "release" / "headwise"))
    if not path.is_file():
        pytest.skip(f"{path} is missing; run scripts/setup or set HEADWISE_BINARY")
    return path.resolve()


@pytest.fixture
def headwise(binary, tmp_path) -> Headwise:
    return Headwise(binary, tmp_path)


@pytest.fixture(scope="session")
def model() -> Path:
    home = os.environ.get("HEADWISE_HOME")
    path = (Path(home) if home else Path.home() / ".cache" / "headwise") / "models" / DEFAULT_MODEL
    if not path.is_file():
        pytest.skip(f"{path} is missing; run scripts/setup model")
    return path


@pytest.fixture(scope="session")
def shared() -> Path:
    path = Path(os.environ.get("HEADWISE_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"{path}/data is missing; set HEADWISE_SHARED to the folder of the shared collections")
    return path


FACTS = [
    "The Moon circles the Earth once in about twenty-seven days.",
    "Emma is a novel by Jane Austen, first published in 1815.",
    "Copper turns green in the open air because carbonate forms on it.",
    "Bees tell each other where flowers are by the angle of a dance.",
    "Potatoes came to Europe by ship and were grown for their blossoms.",
    "Glass is made of sand, soda and lime, melted together.",
]


@pytest.fixture
def collection(tmp_path) -> list[str]:
    """A small BEIR folder with a first-stage run (7 queries, 4 candidates each); the flags that name it."""
    folder = tmp_path / "set"
    (folder / "qrels").mkdir(parents=True)
    questions = ["who wrote Emma?", "why does copper turn green?", "what is glass made of?", "how do bees talk?",
                 "how long does the Moon take?", "where do potatoes come from?", "what did Jane Austen write?"]
    with open(folder / "corpus.jsonl", "w") as corpus:
        for place, fact in enumerate(FACTS):
            corpus.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": fact}) + "\n")
    with open(folder / "queries.jsonl", "w") as queries:
        for place, question in enumerate(questions):
            queries.write(json.dumps({"_id": f"q{place}", "text": question}) + "\n")
    with open(folder / "run.trec", "w") as run:
        for place in range(len(questions)):
            for rank in range(4):
                run.write(f"q{place} Q0 d{(place + rank) % len(FACTS)} {rank + 1} {10 - rank}.5 test\n")
    with open(folder / "qrels" / "test.tsv", "w") as qrels:
        qrels.write("query-id\tcorpus-id\tscore\nq0\td1\t1\nq1\td2\t1\nq9\td0\t1\n")
    # The lowest layers alone: these tests ask about files and signals, not about the order.
    return ["--dataset", "set", "--run", "set/run.trec", "--heads", "0..3"]


def wait_for(condition, seconds=120.0, what="the condition"):
    """Polls until condition() is true; fails after that many seconds."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.002)
    pytest.fail(f"{what} did not come true within {seconds} s")


def stop(process: subprocess.Popen, number: int = signal.SIGKILL) -> tuple[int, str]:
    """Sends the signal; exit status and stderr."""
    process.send_signal(number)
    _, stderr = process.communicate(timeout=120)
    return process.returncode, stderr.decode()
