# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Which questions of a training pool are held out for choosing between trainings: the 5 % of each set whose hashes are smallest.

    python3 scripts/pool_split.py POOL/nq POOL/wikiqa ... > models/training/held_out.tsv

A hash is sha256 of "SET/ID", so that a set that grows keeps most of its split. The file has a line a question: set, id. Questions that are
not in it are for training. Standard library only.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import math
from pathlib import Path

SHARE = 0.05


def held_out_ids(name: str, ids: list[str]) -> list[str]:
    """In the order of their hashes, so that the first few are a fair sample, too."""
    ordered = sorted(ids, key=lambda question: hashlib.sha256(f"{name}/{question}".encode()).digest())
    return ordered[:math.ceil(SHARE * len(ids))]


def read_held_out(path: Path) -> dict[str, list[str]]:
    """By set."""
    split: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        name, question = line.split("\t")
        split.setdefault(name, []).append(question)
    return split


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="BEIR folders")
    for folder in parser.parse_args().folders:
        with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
            ids = [json.loads(line)["_id"] for line in lines]
        for question in held_out_ids(folder.name, ids):
            print(f"{folder.name}\t{question}")


if __name__ == "__main__":
    main()
