#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A training pool as one BEIR folder for each kind of question (models/training/sets.tsv), with a run for each use of its questions.

    .venv/bin/python scripts/pool_kinds.py POOL OUT [--questions 200]      (OUT/KIND/{corpus.jsonl, queries.jsonl, qrels/train.tsv, *.trec})

train.trec has --questions of each set, held-out.trec those of models/training/held_out.tsv. 20 candidates a question: what the set gives, else
BM25's; where none of them is known to be relevant, a known one is among them. They stand in BM25's order with its scores, wherever they are from: in
the set's own order what was judged comes first. Sets without known answers are left out, and so are questions whose candidates are all of one sort.
The same arguments give the same files; a kind that is there is not made again.
"""
from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from pool_split import read_held_out
from teacher_lists import PoolSet, RUN_DEPTH as DEPTH, candidates_of

TRAINING = Path(__file__).resolve().parents[1] / "models" / "training"
WORDS = 80
USES = ("train", "held-out")


def read_kinds() -> dict[str, str]:
    """Kind of each set, in the table's order."""
    lines = (TRAINING / "sets.tsv").read_text(encoding="utf-8").splitlines()
    return dict(line.split("\t")[:2] for line in lines[1:])


def candidates(pool_set: PoolSet, query: str) -> list[tuple[str, float]]:
    """20 at most with BM25's scores, best first; empty where they could not tell one ranking from another."""
    known = {document for document, grade in pool_set.known(query).items() if grade > 0}
    found = candidates_of(pool_set, query, DEPTH)[:DEPTH]
    if known and not known.intersection(found):
        found[-1:] = sorted(known)[:1]
    if not known.intersection(found) or known.issuperset(found):
        return []
    wanted = set(found)
    return [(document, score) for document, score in pool_set.by_bm25(query, len(pool_set.ids)) if document in wanted]


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
            runs[use] += [f"{query} Q0 {document} {place + 1} {score:.6f} bm25\n" for place, (document, score) in enumerate(found)]
            grades += [f"{query}\t{document}\t{grade}" for document, grade in pool_set.known(query).items()]
            corpus.update((document, pool_set.corpus[document]) for document, _ in found)
        print(f"{folder.name}: {name}: {taken}", file=sys.stderr, flush=True)
    with open(folder / "corpus.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": document, "title": title, "text": text}, ensure_ascii=False) + "\n" for document, (title, text) in corpus.items())
    with open(folder / "queries.jsonl", "w", encoding="utf-8") as out:
        out.writelines(json.dumps({"_id": query, "text": text}, ensure_ascii=False) + "\n" for query, text in queries.items())
    (folder / "qrels" / "train.tsv").write_text("\n".join(grades) + "\n", encoding="utf-8")
    for use in USES:  # the held-out run last: it says that the folder is whole
        (folder / f"{use}.trec").write_text("".join(runs[use]), encoding="utf-8")


def write_kinds(pool: Path, out: Path, questions: int) -> dict[str, list[str]]:
    """The sets of each kind."""
    sets: dict[str, list[str]] = defaultdict(list)
    for name, kind in read_kinds().items():
        if (pool / name / "qrels" / "train.tsv").is_file():
            sets[kind].append(name)
    if not sets:
        raise SystemExit(f"expected a training pool, sets of models/training/sets.tsv with qrels/train.tsv; found none in '{pool}'")
    held_out = read_held_out(TRAINING / "held_out.tsv")
    for kind, names in sets.items():
        if not (out / kind / "held-out.trec").exists():
            write_kind(pool, out / kind, names, held_out, questions)
    return dict(sets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--questions", type=int, default=200, help="of each set, in train.trec")
    arguments = parser.parse_args()
    for kind, names in write_kinds(arguments.pool, arguments.out, arguments.questions).items():
        print(kind, *names)


if __name__ == "__main__":
    main()
