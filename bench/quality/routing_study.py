#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Do heads picked for each query help, with thousands of training questions? docs/evaluation.md#routing. What is there is not made again.

    .venv/bin/python bench/quality/routing_study.py POOL OUT [--questions 200] [--precision bf16] [--headwise build/release/headwise]

Questions of a training pool by kind (models/training/sets.tsv): --questions of each set to learn from, the held-out ones of
models/training/held_out.tsv to report on. 20 candidates a question: what the set gives, else BM25's; where none of them is known to be relevant,
a known one takes the last place. The frozen model's scores of every head, then for `na` and `ratio`: labels, a router, all controls on held-out
questions of every kind; and for each kind a router that never saw it. Writes OUT/routing_study.json.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from pool_split import read_held_out  # noqa: E402
from teacher_lists import PoolSet  # noqa: E402

TRAINING = ROOT / "models" / "training"
DEPTH, WORDS = 20, 80
CALIBRATIONS = ("na", "ratio")
USES = ("train", "held-out")


def read_kinds() -> dict[str, str]:
    """Kind of each set, in the table's order."""
    lines = (TRAINING / "sets.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t")[:2] for line in lines[1:])


def candidates(pool_set: PoolSet, query: str) -> list[str]:
    """20 at most, best first; empty where they could not tell one ranking from another."""
    known = {document for document, grade in pool_set.known(query).items() if grade > 0}
    found = pool_set.given[query]
    if len(found) < DEPTH:
        found = list(dict.fromkeys(found + [document for document, _ in pool_set.by_bm25(query, DEPTH)]))
    found = found[:DEPTH]
    if known and not known.intersection(found):
        found[-1:] = sorted(known)[:1]
    return found if known.intersection(found) and not known.issuperset(found) else []


def write_kind(pool: Path, folder: Path, sets: Iterable[str], held_out: dict[str, list[str]], questions: int) -> None:
    """One data set of all sets of a kind, with a run for each use."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    corpus, queries, grades, runs = {}, {}, ["query-id\tcorpus-id\tscore"], defaultdict(list)
    for name in sets:
        pool_set = PoolSet(pool / name, WORDS)
        taken = dict.fromkeys(USES, 0)
        for query in sorted(pool_set.queries, key=lambda query: hashlib.sha256(query.encode()).digest()):
            use = USES[query in held_out.get(name, ())]
            if use == "train" and taken[use] >= questions:
                continue
            found = candidates(pool_set, query)
            if not found:
                continue
            taken[use] += 1
            queries[query] = pool_set.queries[query]
            runs[use] += [f"{query} Q0 {document} {place + 1} {DEPTH - place} first\n" for place, document in enumerate(found)]
            grades += [f"{query}\t{document}\t{grade}" for document, grade in pool_set.known(query).items()]
            corpus.update((document, pool_set.corpus[document]) for document in found)
        print(f"{folder.name}: {name}: {taken}", file=sys.stderr, flush=True)
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": document, "title": title, "text": text}, ensure_ascii=False) + "\n" for document, (title, text) in corpus.items())
    with open(folder / "queries.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": query, "text": text}, ensure_ascii=False) + "\n" for query, text in queries.items())
    (folder / "qrels" / "train.tsv").write_text("\n".join(grades) + "\n", encoding="utf-8")
    for use in USES:
        (folder / f"{use}.trec").write_text("".join(runs[use]), encoding="utf-8")


class Study:
    def __init__(self, arguments: argparse.Namespace, kinds: list[str]):
        self.arguments = arguments
        self.out: Path = arguments.out
        self.kinds = kinds

    def headwise(self, *flags: object) -> str:
        command = [str(self.arguments.headwise), *map(str, flags)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def stores(self, use: str, kinds: Iterable[str]) -> list[object]:
        flags: list[object] = []
        for kind in kinds:
            flags += ["--store", self.out / "stores" / use / kind, "--qrels", self.out / "data" / kind / "qrels" / "train.tsv"]
        return flags

    def score(self) -> None:
        for use in reversed(USES):
            for kind in self.kinds:
                data, store = self.out / "data" / kind, self.out / "stores" / use / kind
                if not (store / "manifest.json").exists():
                    store.parent.mkdir(parents=True, exist_ok=True)
                    self.headwise("heads", "score", "--dataset", data, "--run", data / f"{use}.trec", "--depth", DEPTH, "--max-words", WORDS, "--adapter",
                                  "none", "--heads", "all", "--encoding", "blocks", "--weights", "fp32", "--precision", self.arguments.precision, "--output",
                                  store)

    def learn(self, calibration: str, name: str, kinds: list[str], tested: list[str]) -> dict:
        """A router of some kinds, and what it brings on others."""
        folder = self.out / calibration / name
        folder.mkdir(parents=True, exist_ok=True)
        labels, router, report = folder / "labels.json", folder / "router.safetensors", folder / "report.json"
        stores = self.stores("train", kinds)
        if not labels.exists():
            self.headwise("route", "label", *stores, "--calibration", calibration, "--output", labels)
        if not router.exists():
            self.headwise("route", "train", *stores, "--labels", labels, "--output", router)
        if not report.exists():
            report.write_text(self.headwise("route", "report", "--json", "--router", router, *self.stores("held-out", tested)), encoding="utf-8")
        found = json.loads(report.read_text(encoding="utf-8"))
        return {key: found[key] for key in ("helps", "verdict", "sets", "methods", "overlap", "depth")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--headwise", type=Path, default=ROOT / "build" / "release" / "headwise")
    parser.add_argument("--questions", type=int, default=200, help="of each set, to learn from")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()

    sets: dict[str, list[str]] = defaultdict(list)
    for name, kind in read_kinds().items():
        if (arguments.pool / name / "qrels" / "train.tsv").is_file():
            sets[kind].append(name)
    held_out = read_held_out(TRAINING / "held_out.tsv")
    for kind, names in sets.items():
        folder = arguments.out / "data" / kind
        if not (folder / "held-out.trec").exists():
            write_kind(arguments.pool, folder, names, held_out, arguments.questions)

    study = Study(arguments, list(sets))
    study.score()
    report: dict = {"sets": sets, "questions of a set": arguments.questions, "depth": DEPTH, "words": WORDS, "precision": arguments.precision}
    for calibration in CALIBRATIONS:
        report[calibration] = {"all kinds": study.learn(calibration, "all", study.kinds, study.kinds)}
        for kind in study.kinds:
            others = [other for other in study.kinds if other != kind]
            report[calibration][f"without {kind}"] = study.learn(calibration, f"without_{kind}", others, [kind])
    (arguments.out / "routing_study.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for calibration in CALIBRATIONS:
        for name, found in report[calibration].items():
            print(f"{calibration:5} {name:16} {found['verdict']}")


if __name__ == "__main__":
    main()
