# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Other threads go on while the engine works, callers take turns, Ctrl-C ends a call, a fork is told what to do."""
import multiprocessing
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import headwise
import pytest
from conftest import FACTS, LOW


@pytest.fixture(scope="module")
def slow(model):
    return headwise.Reranker(heads="all", threads=1)


def test_another_thread_makes_progress(slow):
    counted, stop = [0], threading.Event()

    def count():
        while not stop.is_set():
            counted[0] += 1
            time.sleep(0.001)

    thread = threading.Thread(target=count)
    thread.start()
    before = counted[0]
    began = time.monotonic()
    slow.rank("who wrote Emma?", FACTS * 10)
    seconds = time.monotonic() - began
    made = counted[0] - before
    stop.set()
    thread.join()
    # A thousand a second when nothing holds the GIL; a few when the call holds it. The machine may be busy.
    assert made > seconds * 100, f"{made} steps in {seconds:.2f} s"


def test_callers_take_turns(slow):
    expected = [(hit.index, hit.score) for hit in slow.rank("who wrote Emma?", FACTS)]
    results = []

    def call():
        results.append([(hit.index, hit.score) for hit in slow.rank("who wrote Emma?", FACTS)])

    threads = [threading.Thread(target=call) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [expected] * 4


def test_ctrl_c_ends_a_call_and_the_engine_goes_on(slow):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        while time.monotonic() < began + 60:
            slow.rank("who wrote Emma?", FACTS * 30)
    assert time.monotonic() - began < 30
    assert slow.rank("who wrote Emma?", FACTS)[0].index == 1


def test_ctrl_c_while_waiting_for_a_turn(slow):
    thread = threading.Thread(target=lambda: slow.rank("who wrote Emma?", FACTS * 40))
    thread.start()
    time.sleep(0.1)
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        while True:
            slow.rank("who wrote Emma?", FACTS * 40)
    thread.join()


def _rank_in_child(queue, reranker):
    try:
        queue.put([hit.index for hit in reranker.rank("who wrote Emma?", FACTS)])
    except headwise.Error as error:
        queue.put((error.code, str(error)))


def test_processes(slow):
    expected = [hit.index for hit in slow.rank("who wrote Emma?", FACTS)]
    for method in ("fork", "spawn"):
        context = multiprocessing.get_context(method)
        queue = context.Queue()
        child = context.Process(target=_rank_in_child, args=(queue, slow))
        child.start()
        answer = queue.get(timeout=120)
        child.join(60)
        if method == "fork":
            assert answer[0] == 2 and "fork" in answer[1]
        else:
            assert answer == expected


def test_a_script_ends_at_ctrl_c_with_nothing_half_written(model, collection, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(f"""
        import headwise
        reranker = headwise.Reranker(heads="{LOW}", threads=1, full_depth=True)
        print("ready", flush=True)
        for _ in range(1000):
            reranker.rerank_run(r"{collection}/run.trec", dataset=r"{collection}", output=r"{tmp_path}/out.trec")
    """))
    process = subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    end = time.monotonic() + 60
    while not (tmp_path / "out.trec.partial").exists() and time.monotonic() < end:
        time.sleep(0.002)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGINT and "KeyboardInterrupt" in errors, errors
    assert {path.name for path in tmp_path.iterdir()} == {"script.py", "out.trec.partial"}
