#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Seconds of every selection method and of routing labels on a made-up head-score store of 500 queries x 270 heads x 40
passages, reading included; and what routing adds to a query of the default model.

    .venv/bin/python bench/races/heads_speed.py OUT.json [ROUTER STORE QRELS DATASET RUN]

Bounds: selection 5 s a method, labels (pool 64, 8 heads) 10 s, routing 15 ms a query, on 2 cores.
"""
import argparse
import json
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "support"))
from made_up_store import Query, write_store  # noqa: E402

HEADWISE = ROOT / "build" / "release" / "headwise"
LAYERS, HEADS, PASSAGES, QUERIES = 30, 9, 40, 500


def made_queries() -> Iterator[Query]:
    random = np.random.default_rng(5)
    skill = random.uniform(0, 0.6, (LAYERS, HEADS)) * (random.uniform(size=(LAYERS, HEADS)) < 0.3)
    for q in range(QUERIES):
        grades = np.where(random.uniform(size=PASSAGES) < 0.2, random.integers(1, 4, PASSAGES), 0)
        s = np.exp(random.normal(0, 0.8, (LAYERS, HEADS, PASSAGES)) + skill[..., None] * grades - 5)
        free = np.exp(random.normal(0, 0.3, (LAYERS, HEADS, PASSAGES)) - 5)
        yield Query(f"question {q}", s, free, grades, random.normal(size=PASSAGES))


def seconds(*arguments) -> float:
    begun = time.monotonic()
    subprocess.run([HEADWISE, *map(str, arguments)], check=True, capture_output=True)
    return time.monotonic() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("routing", nargs="*", help="router, store, qrels, dataset and run: what routing adds to a query is measured, too")
    arguments = parser.parse_args()
    if len(arguments.routing) not in (0, 5):
        parser.error(f"routing: expected ROUTER STORE QRELS DATASET RUN or nothing, found {len(arguments.routing)} words")
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    result = {"machine": machine, "commit": commit, "store": [QUERIES, LAYERS * HEADS, PASSAGES], "rounds": 3, "seconds": {}}
    with tempfile.TemporaryDirectory() as name:
        store = Path(name)
        write_store(store, made_queries())
        data = ("--store", store, "--qrels", store / "qrels.tsv")
        work = {f"select {method}": ("heads", "select", *data, "--method", method, "--calibration", "na")
                for method in ("all", "layers", "qr", "core", "headrank", "static", "weighted", "random")}
        work["label"] = ("route", "label", *data, "--calibration", "na", "--output", store / "labels.json")
        times = {what: [] for what in work}
        for _ in range(result["rounds"]):
            for what, arguments in work.items():
                times[what].append(seconds(*arguments))
        result["seconds"] = {what: round(sorted(values)[len(values) // 2], 3) for what, values in times.items()}
    if arguments.routing:
        router, store, qrels, dataset, run = arguments.routing
        report = subprocess.run([HEADWISE, "route", "report", "--router", router, "--store", store, "--qrels", qrels, "--dataset", dataset,
                                 "--run", run, "--depth", "40", "--max-words", "80", "--queries", "10", "--json"], check=True,
                                capture_output=True, text=True)
        result["routing"] = json.loads(report.stdout)["times"]
    arguments.output.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
