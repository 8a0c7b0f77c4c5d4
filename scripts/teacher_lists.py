# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Lists of a BEIR set's own questions for `headwise align`: a teacher's scores, and known grades beside them (--targets), or a run (--held-out).

    teacher/bin/python scripts/teacher_lists.py --set POOL/nq --held-out models/training/held_out.tsv --store vectors --teacher mpnet \\
        --targets nq.jsonl --run nq.held-out.trec

A question's list has what is known to be relevant (half of the list at most) and, for the rest, candidates: those the set gives (*.trec), best
first and one run after the other, else BM25's from the set's corpus, and the teacher's with --mine. A candidate that nobody judged is left out
where the teacher scores it above --near times what it gives the best known passage: likely relevant, too. Several questions share a batch and
read all of its passages. Questions of the split file are asked in no batch; they make the run. The same arguments give the same files.
"""
from __future__ import annotations

import argparse
import json
import os
import random
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from beir import Bm25, passage_json, passage_text, read_corpus, read_qrels, read_queries, read_run
from bi_encoders import ENCODERS
from pool_split import read_held_out
from teacher_vectors import Teacher

NO_TEACHER = "none"
RUN_DEPTH = 20
MINED = 40  # candidates by BM25, and by the teacher


class NoTeacher:
    """Scores all alike: known grades, and the frozen model's logits in training, speak alone."""

    def queries(self, texts: list[str]) -> np.ndarray:
        return np.zeros((len(texts), 1), np.float32)

    passages = queries


@dataclass
class PoolSet:
    """One set of a pool, and how many words of a passage are read."""
    folder: Path
    words: int

    def __post_init__(self):
        self.corpus = read_corpus(self.folder)
        self.queries = read_queries(self.folder)
        self.ids = list(self.corpus)
        path = self.folder / "qrels" / "train.tsv"
        self.grades = read_qrels(path) if path.is_file() else {}
        runs = [read_run(path) for path in sorted(self.folder.glob("*.trec"))]
        # One run after the other, an id once.
        self.given = {query: [document for document in dict.fromkeys(document for run in runs for document in run.get(query, ()))
                              if document in self.corpus] for query in self.queries}
        self.bm25: Bm25 | None = None

    def text(self, document: str) -> str:
        return passage_text(*self.corpus[document], self.words)

    def known(self, query: str) -> dict[str, int]:
        return {document: max(0, grade) for document, grade in self.grades.get(query, {}).items() if document in self.corpus}

    def by_bm25(self, query: str, count: int) -> list[tuple[str, float]]:
        self.bm25 = self.bm25 or Bm25([f"{title} {text}" for title, text in self.corpus.values()])
        scores = self.bm25.scores(self.queries[query])
        return [(self.ids[place], float(scores[place])) for place in np.argsort(-scores, kind="stable")[:count]]


def candidates_of(pool_set: PoolSet, query: str, most: int, asked: np.ndarray | None = None, corpus: np.ndarray | None = None) -> list[str]:
    """Best first. `corpus`: vectors of all passages, where the teacher mines too."""
    given = pool_set.given[query]
    if len(given) >= most:
        return given
    found = given + [document for document, _ in pool_set.by_bm25(query, MINED)]
    if corpus is not None:
        near = np.argsort(-(corpus @ asked), kind="stable")[:MINED]
        mined = [pool_set.ids[place] for place in near]
        # In turn: the two find different ones.
        found = given + [document for pair in zip(found[len(given):], mined) for document in pair]
    return list(dict.fromkeys(found))


def list_of(pool_set: PoolSet, query: str, candidates: list[str], scores: dict[str, float], size: int, near: float,
            spread: int, choose: random.Random) -> list[str]:
    """Positives and hard negatives, in no order that says which is which."""
    known = pool_set.known(query)
    positives = [document for document, grade in known.items() if grade > 0]
    bound = near * max(scores[document] for document in positives) if positives and near > 0 else np.inf
    choose.shuffle(positives)
    chosen = sorted(positives, key=lambda document: -known[document])[:max(1, size // 2)]
    others = [document for document in candidates if document not in positives and (document in known or scores[document] < bound)]
    if not positives:
        # Nothing is known: the teacher alone speaks, of near and far ones.
        others = candidates
    needed = size - len(chosen)
    chosen += choose.sample(others[:max(needed, spread)], min(needed, len(others)))
    choose.shuffle(chosen)
    return chosen


def batch_of(pool_set: PoolSet, lists: dict[str, list[str]], asked: dict[str, np.ndarray], vectors: dict[str, np.ndarray]) -> dict:
    """Questions over all the passages of their lists; passages of the same text once."""
    documents = list({pool_set.text(document): document for listed in lists.values() for document in listed}.values())
    seen = np.stack([vectors[document] for document in documents])
    rows = [(seen @ asked[query]).tolist() for query in lists]
    grades = []
    for query in lists:
        texts = {pool_set.text(document): grade for document, grade in pool_set.known(query).items()}
        row = [texts.get(pool_set.text(document), 0) for document in documents]
        grades.append(row if any(row) else [])
    return {"set": pool_set.folder.name, "passages": [passage_json(*pool_set.corpus[document], pool_set.words) for document in documents],
            "queries": [pool_set.queries[query] for query in lists], "scores": [[round(score, 4) for score in row] for row in rows], "grades": grades}


def make_batches(pool_set: PoolSet, held_out: set[str], teacher: Teacher, arguments: argparse.Namespace):
    choose = random.Random(f"{arguments.seed}/{pool_set.folder.name}")
    queries = [query for query in pool_set.queries if query not in held_out]
    asked = dict(zip(queries, teacher.queries([pool_set.queries[query] for query in queries])))
    corpus = teacher.passages([pool_set.text(document) for document in pool_set.ids]) if arguments.mine else None
    candidates = {query: candidates_of(pool_set, query, arguments.list_size, asked[query], corpus) for query in queries}
    wanted = sorted({document for query in queries for document in [*candidates[query], *pool_set.known(query)]})
    vectors = dict(zip(wanted, teacher.passages([pool_set.text(document) for document in wanted])))
    for _ in range(arguments.rounds):
        choose.shuffle(queries)
        for begin in range(0, len(queries), arguments.questions):
            lists = {}
            for query in queries[begin:begin + arguments.questions]:
                scores = {document: float(vectors[document] @ asked[query]) for document in [*candidates[query], *pool_set.known(query)]}
                lists[query] = list_of(pool_set, query, candidates[query], scores, arguments.list_size, arguments.near, arguments.spread, choose)
            batch = batch_of(pool_set, lists, asked, vectors)
            if len(batch["passages"]) > 1:
                yield batch


def run_lines(pool_set: PoolSet, held_out: list[str]):
    """Candidates of held-out questions that have two grades among them or their corpus, in the order of the split file."""
    for query in held_out:
        known = pool_set.known(query)
        if not any(known.values()):
            continue
        given = pool_set.given[query][:RUN_DEPTH]
        ranked = [(document, float(len(given) - place)) for place, document in enumerate(given)] or pool_set.by_bm25(query, RUN_DEPTH)
        for place, (document, score) in enumerate(ranked, 1):
            yield f"{query} Q0 {document} {place} {score:.4f} {'given' if given else 'bm25'}"


def write_lines(path: Path, lines) -> None:
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    temporary.parent.mkdir(parents=True, exist_ok=True)
    with temporary.open("w", encoding="utf-8") as file:
        for line in lines:
            file.write(f"{line}\n")
    os.replace(temporary, path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", type=Path, required=True, help="a BEIR folder; judgements, where there are any, in qrels/train.tsv")
    parser.add_argument("--held-out", type=Path, required=True, help="split file (scripts/pool_split.py)")
    parser.add_argument("--teacher", action="append", help=f"a bi-encoder: {' or '.join(ENCODERS)}, or a folder that transformers loads; several: the mean of their scores; none: grades alone (mpnet)")
    parser.add_argument("--store", type=Path, help="folder of vectors that are kept (scripts/teacher_vectors.py)")
    parser.add_argument("--device", default="cpu", help="where the teacher runs: cpu, cuda")
    parser.add_argument("--bf16", action="store_true", help="what the store lacks is encoded with products in bf16")
    parser.add_argument("--words", type=int, default=80, help="of a passage, for the teacher and in the file")
    parser.add_argument("--list-size", type=int, default=12)
    parser.add_argument("--spread", type=int, default=40, help="a list is drawn from this many of the best candidates: as deep as rankings are read again")
    parser.add_argument("--questions", type=int, default=2, help="of a batch")
    parser.add_argument("--rounds", type=int, default=1, help="how often each question is asked, with a new list each time")
    parser.add_argument("--mine", action="store_true", help="candidates by the teacher, too: it reads the whole corpus")
    parser.add_argument("--near", type=float, default=0.95, help="share of the best positive's score from which others are taken for relevant, 0: none is")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--targets", type=Path)
    parser.add_argument("--run", type=Path)
    arguments = parser.parse_args()

    pool_set = PoolSet(arguments.set, arguments.words)
    held_out = read_held_out(arguments.held_out).get(pool_set.folder.name)
    if not held_out:
        raise SystemExit(f"'{arguments.held_out}': expected held-out questions of '{pool_set.folder.name}', found none; scripts/pool_split.py makes them")
    if arguments.run:
        write_lines(arguments.run, run_lines(pool_set, held_out))
    if arguments.targets:
        if arguments.teacher == [NO_TEACHER] and (arguments.near > 0 or arguments.mine):
            raise SystemExit("--teacher none: nothing tells likely positives or mines candidates; expected --near 0 and no --mine")
        teacher = NoTeacher() if arguments.teacher == [NO_TEACHER] else Teacher(arguments.teacher or ["mpnet"], arguments.device, arguments.store, arguments.bf16)
        write_lines(arguments.targets, (json.dumps(batch, ensure_ascii=False) for batch in make_batches(pool_set, set(held_out), teacher, arguments)))


if __name__ == "__main__":
    main()
