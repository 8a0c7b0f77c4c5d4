# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Shared by the tests of the binary: how it is run, and on which model. Tests run on a tiny model of the tree unless what
they ask is about the default one: those take the fixture `model` and bear the mark default_model."""
import signal
import subprocess
import time
from pathlib import Path

import pytest
import where
from where import environment as clean_environment


def pytest_collection_modifyitems(items):
    for item in items:
        if "model" in item.fixturenames:
            item.add_marker(pytest.mark.default_model)


class Headwise:
    """Runs the binary in a folder of its own."""

    def __init__(self, binary: Path, folder: Path):
        self.binary, self.folder = binary, folder
        self.flags = {}  # as variables, for every run

    def environment(self, extra=None) -> dict[str, str]:
        return clean_environment(**{**self.flags, **(extra or {})})

    def __call__(self, *arguments, stdin=b"", env=None, timeout=300, preexec=None) -> subprocess.CompletedProcess:
        """A finished run; stdout and stderr are bytes turned into text, bytes that are not UTF-8 as \\udcXX."""
        done = subprocess.run([str(self.binary), *map(str, arguments)], input=stdin if isinstance(stdin, bytes) else stdin.encode(),
                              capture_output=True, cwd=self.folder, env=self.environment(env),
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
                                env=self.environment(env), **options)


@pytest.fixture(scope="session")
def binary() -> Path:
    return where.built(where.BINARY)


@pytest.fixture
def headwise(binary, tmp_path) -> Headwise:
    return Headwise(binary, tmp_path)


@pytest.fixture
def tiny(headwise) -> Path:
    """The tiny model, which the test's runs use where they name no other."""
    headwise.flags["HEADWISE_MODEL"] = where.TINY
    return where.TINY


@pytest.fixture
def home(tmp_path) -> Path:
    """A home, for HEADWISE_HOME, with a tiny model under the default one's name."""
    (tmp_path / "home" / "models").mkdir(parents=True)
    (tmp_path / "home" / "models" / where.DEFAULT_MODEL.name).symlink_to(where.TINY.parent / "tiny-llama-linear-f32.gguf")
    return tmp_path / "home"


@pytest.fixture(scope="session")
def model() -> Path:
    return where.default_model()


@pytest.fixture
def collection(tmp_path) -> list[str]:
    """A small BEIR folder with a first-stage run; the flags that name it."""
    where.write_collection(tmp_path / "set")
    # The lowest layers alone: these tests ask about files and signals, not about the order.
    return ["--dataset", "set", "--run", "set/run.trec", "--heads", "0..1"]


def catches(process: subprocess.Popen, number: int) -> bool:
    """Whether the process has a handler of its own for the signal."""
    status = Path(f"/proc/{process.pid}/status").read_text()
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
    return int(caught.split()[1], 16) >> (number - 1) & 1 == 1


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
