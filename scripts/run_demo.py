#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The show behind scripts/demo: each question of examples/demo, its passages as given, and `headwise rerank`'s table.

The ranking, bars and figures are the binary's own output; this script adds only where the answers stood and stand.
"""
import csv
import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = ROOT / "examples" / "demo"
SHOWN_BEFORE = 5


def places(ids: list[str], answers: list[str]) -> str:
    return " and ".join(str(ids.index(answer) + 1) for answer in answers)


def show(question: str, file: Path, answers: list[str], flags: list[str]) -> int:
    passages = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    given = [passage["id"] for passage in passages]
    print(f"\n{question}\n  as given ({len(passages)} passages of {file.relative_to(ROOT)}):")
    for place, passage in enumerate(passages[:SHOWN_BEFORE], 1):
        print(f"  {place:4}  [{passage['id']}] {passage['title']}")
    print(f"   ...  the passages that answer stand at {places(given, answers)}\n", flush=True)
    command = [str(ROOT / "build" / "release" / "headwise"), "rerank", "--query", question, "--documents", str(file)]
    return subprocess.run([*command, *flags], stdin=subprocess.DEVNULL).returncode


def main() -> int:
    with open(DEMO / "questions.tsv", encoding="utf-8", newline="") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            status = show(row["question"], DEMO / row["file"], row["answered by"].split(", "), sys.argv[1:])
            if status != 0:
                return status
    return 0


if __name__ == "__main__":
    sys.exit(main())
