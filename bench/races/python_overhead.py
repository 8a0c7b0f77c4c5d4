#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the Python package adds to a request: seconds of Reranker.rank around those that its engine takes inside.

    .venv-python/bin/python bench/races/python_overhead.py OUT.json      after scripts/test python

Bound: 1 ms plus 1 % of the time.
"""
import argparse
import json
import os
import platform
import subprocess
import time
from pathlib import Path

import headwise

WORDS = "copper glass bees the moon a novel potatoes by ship and a dance in the open air".split()
CASES = {"10 passages of 20 words": (10, 20), "40 passages of 80 words": (40, 80), "1000 passages of 4 words": (1000, 4)}
ROUNDS = {10: 20, 40: 7, 1000: 5}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    arguments = parser.parse_args()
    reranker = headwise.Reranker(weights="fp32", max_words=80)
    result = {}
    for name, (count, words) in CASES.items():
        documents = [{"id": f"d{place}", "title": f"Title {place}", "year": place,
                      "text": " ".join(WORDS[(place * 7 + word * 3) % len(WORDS)] for word in range(words))} for place in range(count)]
        added, inside = [], []
        for _ in range(ROUNDS[count] + 1):  # the first warms up
            began = time.perf_counter()
            seconds = reranker.rank("what is glass made of?", documents).statistics["seconds"]
            added.append(time.perf_counter() - began - seconds)
            inside.append(seconds)
        added, inside = sorted(added[1:]), sorted(inside[1:])
        middle = len(added) // 2
        result[name] = {"rounds": len(added), "inside_ms": round(1000 * inside[middle], 2), "added_ms": round(1000 * added[middle], 3),
                        "added_ms_most": round(1000 * added[-1], 3), "bound_ms": round(1 + 10 * inside[middle], 2)}
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    machine = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    report = {"task": "Reranker.rank around the engine's own seconds, SmolLM2-135M-Instruct Q4_1, fp32 weights",
              "machine": machine, "cores": len(os.sched_getaffinity(0)), "load": round(os.getloadavg()[0], 2),
              "python": platform.python_version(), "commit": commit, "cases": result}
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
