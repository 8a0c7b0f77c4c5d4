#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The BM25 index of `headwise search` beside another's: seconds, memory and bytes of building, milliseconds a query, in turns.

    python bench/races/search_index.py --passages 1000000 --data DATA --work FOLDER ours=build/release/headwise xapian=OLD > search_index.json

A contender is NAME=BINARY, a headwise of whatever version. DATA is the folder of collections: passages are made from dl21's
sentences (bench/support/made_up_passages.py), queries are dl19's and dl21's. Processor seconds count, because others may share
the machine. A query's time is that of a run of all queries less that of a run of one, so neither starting nor opening is in it.

Bound: ours takes no more than twice the other's processor seconds of building, milliseconds a query and bytes, and its peak
memory does not grow with the collection but for its ids and lengths: --passages and a tenth of it are both built.
"""
import argparse
import json
import platform
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent / "support"))
import made_up_passages


def measured(*command: str | Path) -> dict[str, float]:
    """What the processor and the clock say of a command that must not fail, and its peak of memory."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    # A process in between, for the peak of RUSAGE_CHILDREN is that of all children there ever were.
    peak = ("import resource, subprocess, sys; status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
            "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(status)")
    done = subprocess.run([sys.executable, "-c", peak, *map(str, command)], check=True, capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {"processor_seconds": round(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, 2),
            "seconds": round(time.monotonic() - began, 2), "peak_bytes": 1024 * int(done.stdout)}


def queries_of(data: Path) -> list[str]:
    return [line for name in ("dl19", "dl21") for line in (data / name / "queries.jsonl").read_text().splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("contenders", nargs="+", metavar="NAME=BINARY")
    parser.add_argument("--passages", type=int, default=1000000)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--rounds", type=int, default=3, help="of queries")
    arguments = parser.parse_args()
    contenders = dict(contender.split("=", 1) for contender in arguments.contenders)
    lines = queries_of(arguments.data)
    processor = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.machine())
    result = {"machine": processor, "queries": len(lines), "depth": 40, "collections": []}
    for passages in (arguments.passages // 10, arguments.passages):
        folder = arguments.work / str(passages)
        folder.mkdir(parents=True, exist_ok=True)
        made_up_passages.write(str(arguments.data / "dl21" / "corpus.jsonl"), passages, str(folder / "corpus.jsonl"))
        (folder / "all.jsonl").write_text("\n".join(lines) + "\n")
        (folder / "one.jsonl").write_text(lines[0] + "\n")
        runs = {name: {} for name in contenders}
        for name, binary in contenders.items():
            index = folder / f"{name}.bm25"
            index.unlink(missing_ok=True)
            search = [binary, "search", "--quiet", "--corpus", folder, "--index", index, "--no-rerank", "--depth", "40"]
            runs[name] = {"build": measured(*search, "--query", "moon"), "bytes": index.stat().st_size, "milliseconds_a_query": []}
        for _ in range(arguments.rounds):
            for name, binary in contenders.items():
                search = [binary, "search", "--quiet", "--corpus", folder, "--index", folder / f"{name}.bm25", "--no-rerank", "--depth", "40"]
                one, every = (measured(*search, "--queries", folder / f"{of}.jsonl")["processor_seconds"] for of in ("one", "all"))
                runs[name]["milliseconds_a_query"].append(round(1000 * (every - one) / (len(lines) - 1), 2))
                runs[name]["seconds_with_one_query"] = one
        result["collections"].append({"passages": passages, "bytes_of_text": (folder / "corpus.jsonl").stat().st_size, "contenders": runs})
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
