# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A Ray cluster on loopback writes the file of one process, also when an actor or the driver is killed in the middle."""
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import scale
from where import TINY

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(binary, model, tmp_path_factory):
    """(folder, bytes of one process)"""
    return scale.prepare(binary, tmp_path_factory.mktemp("ray"))


@pytest.fixture(scope="module")
def cluster():
    ray = pytest.importorskip("ray")
    os.environ["RAY_DATA_DISABLE_PROGRESS_BARS"] = "1"
    ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, _node_ip_address="127.0.0.1", log_to_driver=False)
    yield ray
    ray.shutdown()


def run(folder, output, **settings):
    from headwise.ray import rerank_run
    return rerank_run(folder / "run.trec", dataset=folder, output=output, workers=2, heads=scale.HEADS, **settings)


def actors(name: bytes = b"RankBatch") -> list[int]:
    """Processes of the pool; Ray names them after the operator."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                title = open(f"/proc/{entry}/cmdline", "rb").read()
            except OSError:
                continue
            if title.startswith(b"ray::") and name in title:
                found.append(int(entry))
    return found


def test_the_file_of_one_process(cluster, work, tmp_path):
    folder, whole = work
    results = run(folder, tmp_path / "out.trec", round_size=16)
    assert (tmp_path / "out.trec").read_bytes() == whole
    assert len(results) == scale.QUERIES and not (tmp_path / "out.trec.partial").exists()


def test_a_killed_actor_loses_nothing(cluster, work, tmp_path):
    folder, whole = work
    killed, finished = [], threading.Event()

    def killer():
        while not finished.is_set() and len(killed) < 1:
            for process in actors()[:1]:
                time.sleep(0.3)  # into its work
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.02)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        run(folder, tmp_path / "out.trec", batch_size=1, full_depth=True)
    finally:
        finished.set()
        thread.join()
    assert killed, "no actor was found to kill"
    assert (tmp_path / "out.trec").read_bytes() == whole


def test_a_killed_driver_goes_on(work, tmp_path, reranker):
    folder, whole = work
    script = tmp_path / "driver.py"
    script.write_text(textwrap.dedent(f"""
        import pathlib, ray, headwise.ray
        ray.init(num_cpus=2, include_dashboard=False, object_store_memory=200_000_000, _node_ip_address="127.0.0.1", log_to_driver=False)
        headwise.ray.rerank_run(r"{folder}/run.trec", dataset=r"{folder}", output=r"{tmp_path}/out.trec", workers=1, heads="{scale.HEADS}",
                                round_size=4, full_depth=True)
    """))
    partial = tmp_path / "out.trec.partial"
    driver = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    end = time.monotonic() + 300
    while time.monotonic() < end and driver.poll() is None and not (partial.exists() and partial.read_bytes().count(b"\n") > 4):
        time.sleep(0.01)
    assert driver.poll() is None, "the driver ended before it could be killed"
    os.killpg(driver.pid, signal.SIGKILL)
    driver.wait()
    done = partial.read_bytes().count(b"\n") - 1
    assert 0 < done < scale.QUERIES and not (tmp_path / "out.trec").exists()
    import headwise
    headwise.Reranker(heads=scale.HEADS).rerank_run(folder / "run.trec", dataset=folder, output=tmp_path / "out.trec")
    assert (tmp_path / "out.trec").read_bytes() == whole


def test_actors_build_one_store(cluster, binary, tmp_path):
    from headwise.ray import build_passages
    made = build_passages(scale.make_passages(tmp_path), tmp_path / "kept", workers=2, model=TINY)
    assert (made["passages"], made["encoded"], made["failures"]) == (scale.PASSAGES, scale.PASSAGES, [])
    left = scale.whole_build(binary, tmp_path / "passages.jsonl", tmp_path / "kept")
    assert (left["encoded"], left["kept_before"]) == (0, scale.PASSAGES)


def test_a_killed_builder_loses_nothing(cluster, binary, tmp_path):
    from headwise.ray import build_passages
    killed, finished = [], threading.Event()

    def killer():
        while not finished.is_set() and not killed:
            for process in actors(b"PassageBuilder")[:1]:
                time.sleep(0.3)  # into its work
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.02)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        made = build_passages(scale.make_passages(tmp_path), tmp_path / "kept", workers=2, batch_size=64, model=TINY)
    finally:
        finished.set()
        thread.join()
    assert killed, "no actor was found to kill"
    assert made["passages"] == scale.PASSAGES
    left = scale.whole_build(binary, tmp_path / "passages.jsonl", tmp_path / "kept")
    assert (left["encoded"], left["kept_before"]) == (0, scale.PASSAGES)
