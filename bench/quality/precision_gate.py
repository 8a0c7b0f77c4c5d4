#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Whether a precision ranks as fp32 does: docs/evaluation.md#precision. A run that is there is not made again.

    .venv/bin/python bench/quality/precision_gate.py DATA OUT --headwise build/release/headwise --precision int8,bf16
        [--only dl19,musique] [--reader default,frozen] [--encoding blocks,list] [--queries N]

Passes where, of all runs together, nDCG@10 is within .003 of fp32's in the mean and within .006 on each, and Kendall's tau of a query's two
rankings is .98 at least in the mean. Writes OUT/precision.json, which says what ran. Standard library only, but for what it imports here.
"""
from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import time
from pathlib import Path

from quality_table import SETS, TestSet
from trec_runs import Run, read_run

ROOT = Path(__file__).resolve().parents[2]
MEAN, EACH, TAU = .003, .006, .98
# `list` is read as tests of the method do: every head, candidates in their order.
READERS = {("default", "blocks"): [], ("frozen", "blocks"): ["--adapter", "none"],
           ("default", "list"): ["--adapter", "default", "--encoding", "list", "--calibration", "na"],
           ("frozen", "list"): ["--adapter", "none", "--encoding", "list", "--calibration", "na"]}


def judgements(folder: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels" / "test.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    return grades


def ndcg(scores: dict[str, float], grades: dict[str, int], depth: int = 10) -> float:
    """trec_eval's: gains are grades, ties by id, descending."""
    order = sorted(scores, key=lambda document: (scores[document], document), reverse=True)[:depth]
    gain = sum(max(grades.get(document, 0), 0) / math.log2(place + 2) for place, document in enumerate(order))
    best = sum(grade / math.log2(place + 2) for place, grade in enumerate(sorted((g for g in grades.values() if g > 0), reverse=True)[:depth]))
    return gain / best if best else 0.0


def tau(one: dict[str, float], other: dict[str, float]) -> float:
    """Kendall's tau-a of two rankings of the same documents."""
    documents = sorted(one)
    assert documents == sorted(other), "two rankings of other documents"
    pairs = agreement = 0
    for i, a in enumerate(documents):
        for b in documents[i + 1:]:
            signs = (one[a] > one[b]) - (one[a] < one[b]), (other[a] > other[b]) - (other[a] < other[b])
            agreement += signs[0] * signs[1] if all(signs) else int(signs[0] == signs[1])
            pairs += 1
    return agreement / pairs if pairs else 1.0


def make_run(arguments, test: TestSet, reader: str, encoding: str, precision: str) -> tuple[Run, float | None]:
    output = arguments.out / f"{precision}.{reader}.{encoding}.{test.name}.trec"
    seconds = None
    if not output.exists():
        data = arguments.data / test.name
        command = [str(arguments.headwise), "rerank", "--dataset", str(data), "--run", str(data / test.run), "--depth", str(test.depth), "--max-words",
                   str(test.words), "--precision", precision, "--weights", "fp32", "--skip", str(test.skip),
                   "--queries", str(min(test.queries, arguments.queries)), "--output", str(output), *READERS[reader, encoding]]
        start = time.monotonic()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        seconds = round(time.monotonic() - start, 1)
    return read_run(output), seconds


def compare(test: TestSet, data: Path, exact: Run, reduced: Run) -> dict:
    grades = judgements(data / test.name)
    queries = [query for query in reduced if query in exact]
    assert len(queries) == len(reduced) == len(exact), "two runs of other queries"
    judged = [query for query in queries if query in grades]
    mean = {name: sum(ndcg(run[query], grades[query]) for query in judged) / len(judged) for name, run in (("fp32", exact), ("reduced", reduced))}
    taus = [tau(exact[query], reduced[query]) for query in queries]
    return {"queries": len(queries), "ndcg@10 fp32": round(mean["fp32"], 5), "ndcg@10": round(mean["reduced"], 5), "difference": round(mean["reduced"] - mean["fp32"], 5),
            "tau": round(sum(taus) / len(taus), 4), "lowest tau": round(min(taus), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--headwise", type=Path, default=ROOT / "build" / "release" / "headwise")
    parser.add_argument("--precision", default="int8,bf16")
    parser.add_argument("--only", default=",".join(test.name for test in SETS))
    parser.add_argument("--reader", default="default,frozen")
    parser.add_argument("--encoding", default="blocks,list")
    parser.add_argument("--queries", type=int, default=10**6, help="of each collection, at most")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    report: dict = {"bounds": {"mean": MEAN, "each": EACH, "tau": TAU}, "queries": arguments.queries, "precisions": {}}
    for precision in arguments.precision.split(","):
        rows = []
        for encoding in arguments.encoding.split(","):
            for reader in arguments.reader.split(","):
                for test in (test for test in SETS if test.name in arguments.only.split(",")):
                    exact, _ = make_run(arguments, test, reader, encoding, "fp32")
                    reduced, seconds = make_run(arguments, test, reader, encoding, precision)
                    rows.append({"collection": test.name, "reader": reader, "encoding": encoding, **compare(test, arguments.data, exact, reduced), "seconds": seconds})
                    print(precision, json.dumps(rows[-1]), file=sys.stderr, flush=True)
        differences = [row["difference"] for row in rows]
        mean = sum(differences) / len(differences)
        passes = abs(mean) <= MEAN and max(map(abs, differences)) <= EACH and min(row["tau"] for row in rows) >= TAU
        report["precisions"][precision] = {"mean difference": round(mean, 5), "passes": passes, "runs": rows}
        (arguments.out / "precision.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    json.dump({name: {"mean difference": entry["mean difference"], "passes": entry["passes"]} for name, entry in report["precisions"].items()}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
