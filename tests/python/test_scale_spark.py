# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Spark in local mode writes the file of one process, also when a Python worker is killed in the middle."""
import os
import shutil
import signal
import sys
import threading
import time

import pytest
import scale

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def work(binary, model, tmp_path_factory):
    """(folder, bytes of one process)"""
    return scale.prepare(binary, tmp_path_factory.mktemp("spark"))


@pytest.fixture(scope="module")
def spark():
    sql = pytest.importorskip("pyspark.sql")
    if shutil.which("java") is None:
        pytest.skip("Spark needs java; scripts/setup packages installs it")
    os.environ.update(SPARK_LOCAL_IP="127.0.0.1", PYSPARK_PYTHON=sys.executable)
    # A task may fail twice before the job does, as on a cluster.
    session = (sql.SparkSession.builder.master("local[2,3]").config("spark.ui.enabled", "false")
               .config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.memory", "1g")
               .config("spark.sql.execution.arrow.maxRecordsPerBatch", "4").getOrCreate())
    yield session
    session.stop()


def workers() -> list[int]:
    """Python workers that have the model's library loaded."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid():
            try:
                title = open(f"/proc/{entry}/cmdline", "rb").read()
                if b"pyspark.daemon" in title and "headwise/_core" in open(f"/proc/{entry}/maps").read():
                    found.append(int(entry))
            except OSError:
                continue
    return found


def run(spark, folder, output, **settings):
    from headwise.spark import rerank_run
    return rerank_run(spark, folder / "run.trec", dataset=folder, output=output, heads=scale.HEADS, partition_size=4, **settings)


def test_the_file_of_one_process(spark, work, tmp_path):
    folder, whole = work
    results = run(spark, folder, tmp_path / "out.trec", round_size=16)
    assert (tmp_path / "out.trec").read_bytes() == whole
    assert len(results) == scale.QUERIES and not (tmp_path / "out.trec.partial").exists()


def test_a_killed_worker_loses_nothing(spark, work, tmp_path):
    folder, whole = work
    killed, finished = [], threading.Event()

    def killer():
        while not finished.is_set() and not killed:
            for process in workers()[:1]:
                time.sleep(0.3)  # into its work
                os.kill(process, signal.SIGKILL)
                killed.append(process)
            time.sleep(0.02)

    thread = threading.Thread(target=killer)
    thread.start()
    try:
        run(spark, folder, tmp_path / "out.trec", full_depth=True)
    finally:
        finished.set()
        thread.join()
    assert killed, "no worker was found to kill"
    assert (tmp_path / "out.trec").read_bytes() == whole
