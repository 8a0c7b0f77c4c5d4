#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A request whose passages are on disk and nowhere else: its time beside that of reading the same bytes.

    python3 bench/races/kept_cold.py --headwise build/release/headwise --corpus ../shared/data/dl19/corpus.jsonl --output OUT.json

Builds a folder of kept passages, then in each round drops its files from the page cache and reads them through (the disk's
speed), drops them again, and asks a fresh process for a ranking of other passages of the folder (its first), drops them once
more, and asks for the passages. Aim: the time of the bytes + 20 %, or the time of the arithmetic + 20 % where that is longer.
Standard library only.
"""
import argparse
import json
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

from kept import BLOCKS, BLOCKS_SHORT, passages_of, write_report


CONTENDERS = {
    "fp32": ["--keep-type", "fp32", *BLOCKS],
    "fp32 short": ["--keep-type", "fp32", *BLOCKS_SHORT],
    "bf16": ["--keep-type", "bf16", *BLOCKS],
    "int8": ["--keep-type", "int8", *BLOCKS],
}


def drop(folder: Path) -> int:
    """Takes the folder's files out of the page cache; how many bytes they have."""
    total = 0
    for path in folder.rglob("*.kept"):
        file = os.open(path, os.O_RDONLY)
        os.fdatasync(file)
        os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
        total += os.fstat(file).st_size
        os.close(file)
    return total


def read_through(folder: Path) -> float:
    start = time.perf_counter()
    for path in folder.rglob("*.kept"):
        with path.open("rb", buffering=0) as file:
            while file.read(8 << 20):
                pass
    return time.perf_counter() - start


def ask(process: subprocess.Popen, query: str, documents: list[str]) -> tuple[float, dict]:
    start = time.perf_counter()
    process.stdin.write(json.dumps({"query": query, "documents": documents}) + "\n")
    process.stdin.flush()
    answer = json.loads(process.stdout.readline())
    return time.perf_counter() - start, answer["statistics"]


def race(arguments, name: str, flags: list[str], documents: list[str], others: list[str], folder: Path) -> dict:
    command = [str(arguments.headwise), "rerank", "--format", "jsonl", "--max-tokens", "110", "--long", "cut", "--weights", "fp32", "--precision", "fp32", "--keep", str(folder), *flags]
    strangers = [" ".join(reversed(documents[0].split()))]
    times: dict[str, list[float]] = {key: [] for key in ("disk", "first", "cold", "again", "mapped", "warm")}
    for round_ in range(arguments.rounds + 1):
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
            if round_ == 0:  # encoded here
                for texts in (documents, others):
                    ask(process, "what is this about", texts)
            else:
                size = drop(folder)
                times["disk"].append(read_through(folder) / 2)
                ask(process, "what is this about", strangers)  # weights are packed, nothing of the others is read
                for key, texts, query in (("first", others, "what eats a dog"), ("cold", documents, "how long does a flea live"),
                                          ("again", documents, "what eats a flea"), ("mapped", documents, "who has fleas"),
                                          ("warm", documents, "where do fleas live")):
                    if key in ("first", "cold"):
                        drop(folder)
                    seconds, counts = ask(process, query, texts)
                    times[key].append(seconds)
                    assert counts["passages_kept"] == len(texts), counts
            process.stdin.close()
    made = {"bytes": size // 2, "disk_gb_per_s": round(size / 2 / statistics.median(times["disk"]) / 1e9, 2),
            **{f"{key}_milliseconds": round(1000 * statistics.median(values), 1) for key, values in times.items()}}
    made["cold_over_longer_of_disk_and_warm"] = round(made["cold_milliseconds"] / max(made["disk_milliseconds"], made["warm_milliseconds"]), 2)
    made["cold_over_disk"] = round(made["cold_milliseconds"] / made["disk_milliseconds"], 2)
    print(name, json.dumps(made), flush=True)
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headwise", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--folder", type=Path, help="on the disk that is measured; default: a temporary one")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    texts = passages_of(arguments.corpus, 200, 110)
    report = {"what": "100 passages of 110 tokens from a folder that is not in the page cache", "rounds": arguments.rounds}
    with tempfile.TemporaryDirectory(dir=arguments.folder) as scratch:
        for kind, flags in CONTENDERS.items():
            report[kind] = race(arguments, kind, flags, texts[:100], texts[100:], Path(scratch) / kind.replace(" ", ""))
    write_report(arguments.output, report)


if __name__ == "__main__":
    main()
