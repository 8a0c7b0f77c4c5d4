# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""headwise align in several processes: what one with as many batches trains, and goes on where it stopped."""
import json
import socket
import subprocess
import time

import pytest
from conftest import must_run, run
from test_align import RESULTS, data, flags, headwise, log_of  # noqa: F401


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def together(headwise, data, output, flags_of_rank, *more):
    """Two processes that train one adapter; what each of them ended with."""
    meet = f"127.0.0.1:{free_port()}"
    started = [subprocess.Popen([str(word) for word in [headwise, "align", *flags(data, output, *more, *flags_of_rank[rank]), "--workers", 2,
                                                         "--worker", rank, "--meet", meet]], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
               for rank in (0, 1)]
    return [(process.communicate(timeout=120), process.returncode) for process in started]


def test_two_workers_train_what_one_with_twice_the_batches_does(headwise, data, tmp_path):
    ended = together(headwise, data, tmp_path / "two", ([], []), "--updates", "6")
    assert [status for _, status in ended] == [0, 0], ended
    assert json.loads(ended[0][0][0])["updates"] == 6 and ended[1][0] == ("", ""), "rank 0 alone speaks"
    must_run(headwise, "align", *flags(data, tmp_path / "one", "--updates", "6", "--accumulate", "2"))
    for name in RESULTS:
        assert (tmp_path / "two" / name).read_bytes() == (tmp_path / "one" / name).read_bytes(), name
    for ours, alone in zip(log_of(tmp_path / "two"), log_of(tmp_path / "one"), strict=True):
        if "loss" in alone:
            assert ours["loss"] == pytest.approx(alone["loss"], rel=1e-6) and ours["tokens"] == alone["tokens"]


def test_two_workers_go_on_from_a_checkpoint(headwise, data, tmp_path):
    assert [status for _, status in together(headwise, data, tmp_path / "whole", ([], []), "--updates", "8")] == [0, 0]
    meet = f"127.0.0.1:{free_port()}"
    command = [str(word) for word in [headwise, "align", *flags(data, tmp_path / "cut", "--updates", "8"), "--workers", 2, "--meet", meet]]
    pair = [subprocess.Popen([*command, "--worker", str(rank)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for rank in (0, 1)]
    deadline = time.monotonic() + 60
    while not (tmp_path / "cut" / "checkpoint.safetensors").exists() and time.monotonic() < deadline:
        time.sleep(0.005)
    for process in pair:
        process.kill()
        process.wait()
    # One process finishes what two began, told as they were.
    assert json.loads(must_run(*command, "--finish"))["updates"] < 8
    refused = run(*command, "--worker", "1", "--finish")
    assert refused.returncode == 2 and "leave --worker out" in refused.stderr
    assert [status for _, status in together(headwise, data, tmp_path / "cut", ([], []), "--updates", "8")] == [0, 0]
    for name in RESULTS:
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_workers_with_other_flags_are_told(headwise, data, tmp_path):
    ended = together(headwise, data, tmp_path / "out", (["--seed", "1"], ["--seed", "2"]), "--updates", "6")
    assert [status for _, status in ended] == [2, 2] and all("different flags" in said[1] for said, _ in ended), ended
    assert not (tmp_path / "out" / "adapter_model.safetensors").exists()


@pytest.mark.parametrize("more, words", [
    (("--workers", "2", "--worker", "2"), "--worker 2 is none of --workers 2"),
    (("--workers", "2", "--meet", "here"), "--meet: expected HOST:PORT"),
    (("--workers", "2", "--meet", "here:99999"), "--meet: expected HOST:PORT"),
])
def test_bad_workers(headwise, data, tmp_path, more, words):
    done = run(headwise, "align", *flags(data, tmp_path / "out", *more))
    assert done.returncode == 2 and words in done.stderr, done.stderr
