# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Batches of passages and questions with a bi-encoder's scores, for `headwise align --targets`.

A batch starts from a passage or a query of a collection, takes the passages nearest to it by BM25, makes questions from them (titles,
sentences, pieces of sentences with and without the words that questions begin with) beside the collection's own training queries that
have most of these passages near, and writes the cosine of every question and passage. A composed question joins pieces of two passages,
the second without its title, as questions of two steps do; its score is the larger of its parts', the second with its title. With --grades
a training query's judgements stand beside the scores, for align's bonus=B; nothing else looks at them. The same arguments give the same file.

    teacher/bin/python scripts/teacher_batches.py --collection dir=scifact,queries=train,weight=.5 --batches 400 --output targets.jsonl

A collection: dir=FOLDER[,queries=SPLIT: queries judged in that split; all: every one][,run=FILE,first=N: the run's first N queries, and with
only=run passages of theirs alone][,composed=SHARE of composed questions][,real=drop: training queries choose the passages and are not asked]
[,weight=W]. Install: scripts/requirements-teacher.txt.
"""
from __future__ import annotations

import argparse
import json
import os
import random
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from beir import Bm25, first_words, passage_json, passage_text, read_corpus, read_jsonl, read_qrels, read_queries, read_run, terms
from bi_encoders import ENCODERS
from pool_split import read_held_out
from teacher_vectors import Teacher

SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LONGEST_QUESTION = 24  # words
# What people put before and behind the words they look for.
QUESTION_FORMS = ("what is {}", "what is {}", "what are {}", "define {}", "{} definition", "{} meaning", "who is {}", "who was {}", "when was {}",
                  "when did {}", "where is {}", "where was {}", "how does {} work", "how to {}", "how long {}", "how many {}", "how much {}",
                  "why is {}", "why do {}", "causes of {}", "effects of {}", "types of {}", "what does {} mean", "is {}", "does {}",
                  "which {}", "what causes {}", "symptoms of {}", "cost of {}", "difference between {}")


@dataclass
class Collection:
    name: str
    weight: float
    composed: float = 0.0
    real: bool = True  # whether its queries are asked; not where the teacher is no good judge of them
    titles: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    grades: dict[str, dict[int, int]] = field(default_factory=dict)  # query -> passage -> grade, those above 0
    index: Bm25 | None = None
    asked_near: dict[int, list[int]] = field(default_factory=dict)  # passage -> the queries that have it near

    def passage(self, place: int, words: int) -> str:
        return passage_text(self.titles[place], self.texts[place], words)

    def build_index(self) -> None:
        self.index = Bm25([f"{title} {text}" for title, text in zip(self.titles, self.texts)])

    def nearest(self, text: str, count: int) -> list[int]:
        return self.index.nearest(text, count)

    def join_queries(self, depth: int) -> None:
        for number, query in enumerate(self.queries):
            for place in self.nearest(query, depth):
                self.asked_near.setdefault(place, []).append(number)

    def queries_near(self, places: list[int], count: int) -> list[str]:
        shared = Counter(number for place in places for number in self.asked_near.get(place, []))
        return [self.queries[number] for number, _ in shared.most_common(count)]


def read_collection(spec: str, held_out: dict[str, list[str]]) -> Collection:
    """Without the queries that are held out of the set of the folder's name."""
    values = dict(part.split("=", 1) for part in spec.split(","))
    unknown = set(values) - {"dir", "queries", "run", "first", "only", "composed", "real", "weight"}
    if unknown or "dir" not in values:
        raise SystemExit(f"--collection '{spec}': " + (f"unknown key {sorted(unknown)[0]}" if unknown else "dir is missing"))
    folder = Path(values["dir"])
    collection = Collection(folder.name, float(values.get("weight", 1)), float(values.get("composed", 0)),
                            values.get("real") != "drop")
    run = read_run(folder / values["run"], int(values.get("first", 0))) if "run" in values else {}
    wanted = set(run)
    split = values.get("queries", "all")
    judgements = folder / "qrels" / f"{'train' if split == 'all' else split}.tsv"
    if split != "all" and not judgements.is_file():
        there = ", ".join(sorted(path.stem for path in judgements.parent.glob("*.tsv"))) or "none"
        raise SystemExit(f"--collection '{spec}': expected judgements in '{judgements}'; splits that are there: {there}")
    judged = read_qrels(judgements) if judgements.is_file() else {}
    if values.get("queries") == "all":
        wanted = set(read_queries(folder))
    elif "queries" in values:
        wanted |= set(judged)
    wanted -= set(held_out.get(folder.name, ()))
    only = {document for listed in run.values() for document in listed} if values.get("only") == "run" else None
    queries = {query["_id"]: query["text"] for query in read_jsonl(folder / "queries.jsonl") if query["_id"] in wanted}
    collection.queries = list(queries.values())
    places: dict[str, int] = {}
    for document, (title, text) in read_corpus(folder).items():
        if only is None or document in only:
            places[document] = len(places)
            collection.titles.append(title)
            collection.texts.append(text)
    for query, text in queries.items():
        known = {places[document]: grade for document, grade in judged.get(query, {}).items() if grade > 0 and document in places}
        collection.grades.setdefault(text, {}).update(known)
    collection.build_index()
    return collection


@dataclass(frozen=True)
class Question:
    text: str
    parts: tuple[str, ...]  # what the teacher reads: the text itself, or the parts of a composed question


def plain(text: str) -> Question:
    return Question(text, (text,))


def sentence_words(choose: random.Random, text: str) -> list[str]:
    sentences = [sentence for sentence in SENTENCE_END.split(first_words(text, 90)) if len(sentence.split()) >= 4]
    return choose.choice(sentences).split() if sentences else text.split()[:8]


def piece(choose: random.Random, words: list[str], least: int, most: int) -> list[str]:
    length = choose.randint(min(least, len(words)), min(most, len(words)))
    start = choose.randint(0, len(words) - length)
    return words[start:start + length]


def trimmed(words: list[str]) -> str:
    text = " ".join(words)
    return text.strip(".,;:()") or text


def make_question(choose: random.Random, collection: Collection, place: int) -> Question:
    """A title, a sentence, or a piece of one: as it is, without its small words, or in the form of a question."""
    kind = choose.random()
    title = collection.titles[place]
    if title and kind < 0.15:
        return plain(title)
    words = sentence_words(choose, collection.texts[place])
    if kind < 0.35:
        return plain(" ".join(words[:LONGEST_QUESTION]))
    if kind < 0.6:
        return plain(trimmed(piece(choose, words, 3, 10)))
    content = [word for word in words if terms(word)] or words
    if kind < 0.75:
        return plain(trimmed(piece(choose, content, 2, 8)))
    return plain(choose.choice(QUESTION_FORMS).format(trimmed(piece(choose, content, 1, 4)).lower()))


def make_composed(choose: random.Random, collection: Collection, near: list[int]) -> Question:
    """A title or a piece of one passage, and of another, whose title the first one names if there is such a one, a piece without that title."""
    first = choose.choice(near)
    others = [place for place in near if place != first and collection.texts[place] != collection.texts[first]] or near
    named = [place for place in others if collection.titles[place] and collection.titles[place] in collection.texts[first]]
    second = choose.choice(named or others)
    head = collection.titles[first] if collection.titles[first] and choose.random() < 0.6 else trimmed(
        piece(choose, sentence_words(choose, collection.texts[first]), 3, 7))
    title = collection.titles[second]
    hidden = set(terms(title))
    words = sentence_words(choose, collection.texts[second])
    tail = trimmed(piece(choose, [word for word in words if not hidden & set(terms(word))] or words, 3, 8))
    shown = f"{tail} {head}" if choose.random() < 0.5 else f"{head} {tail}"
    return Question(shown, (head, f"{title} {tail}" if title else tail))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", action="append", required=True)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--passages", type=int, default=24)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--words", type=int, default=60, help="of a passage, for the teacher and in the file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teacher", action="append", help=f"a bi-encoder: {' or '.join(ENCODERS)}, or a folder that transformers loads; several: the mean of their scores (minilm)")
    parser.add_argument("--held-out", type=Path, help="questions that are not asked: lines of set and question (scripts/pool_split.py)")
    parser.add_argument("--real-share", type=float, default=.25, help="of a batch's questions, at most: training queries")
    parser.add_argument("--seeded", type=float, default=.5, help="share of batches that start from a training query; the others start from a passage")
    parser.add_argument("--near", type=float, default=-1, help="questions are left out that the teacher finds no passage of the batch this near: "
                        "what it says of passages that are all far is of no use")
    parser.add_argument("--grades", action="store_true", help="write what the collection's judgements say of its training queries, too")
    parser.add_argument("--bf16", action="store_true", help="the teacher's products in bf16")
    parser.add_argument("--device", default="cpu", help="where the teacher runs: cpu, cuda")
    parser.add_argument("--store", type=Path, help="folder of vectors that are kept (scripts/teacher_vectors.py)")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    held_out = read_held_out(arguments.held_out) if arguments.held_out else {}
    collections = [read_collection(spec, held_out) for spec in arguments.collection]
    teacher = Teacher(arguments.teacher or ["minilm"], arguments.device, arguments.store, arguments.bf16)
    choose = random.Random(arguments.seed)
    for collection in collections:
        collection.join_queries(arguments.passages)
    batches = []
    for _ in range(arguments.batches):
        which = choose.choices(range(len(collections)), [collection.weight for collection in collections])[0]
        collection = collections[which]
        if collection.queries and choose.random() < arguments.seeded:
            seed = choose.choice(collection.queries)
        else:
            seed = first_words(collection.passage(choose.randrange(len(collection.texts)), arguments.words), 40)
        near = collection.nearest(seed, arguments.passages)
        questions = [plain(query) for query in collection.queries_near(near, int(arguments.real_share * arguments.questions))]
        while len(questions) < arguments.questions:
            if choose.random() < collection.composed:
                questions.append(make_composed(choose, collection, near))
            else:
                questions.append(make_question(choose, collection, choose.choice(near)))
        if not collection.real:
            questions = [question for question in questions if question.text not in collection.queries]
        choose.shuffle(near)
        batches.append((which, near, questions))
    parts = {part: number for number, part in enumerate(dict.fromkeys(
        part for _, _, questions in batches for question in questions for part in question.parts))}
    asked = teacher.queries(list(parts))
    shown = [sorted({place for which, near, _ in batches if which == number for place in near}) for number in range(len(collections))]
    vectors = [dict(zip(places, teacher.passages([collection.passage(place, arguments.words) for place in places]) if places else ()))
               for collection, places in zip(collections, shown)]
    temporary = arguments.output.with_name(f"{arguments.output.name}.tmp.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        for which, near, questions in batches:
            collection = collections[which]
            passages = [passage_json(collection.titles[place], collection.texts[place], arguments.words) for place in near]
            seen = np.stack([vectors[which][place] for place in near]).T
            rows = [(asked[[parts[part] for part in question.parts]] @ seen).max(0) for question in questions]
            kept = [(question.text, row) for question, row in zip(questions, rows) if row.max() >= arguments.near]
            if not kept:
                continue
            batch = {"set": collection.name, "passages": passages, "queries": [text for text, _ in kept],
                     "scores": [[round(float(score), 4) for score in row] for _, row in kept]}
            if arguments.grades:
                batch["grades"] = [[collection.grades.get(text, {}).get(place, 0) for place in near] for text, _ in kept]
            file.write(json.dumps(batch, ensure_ascii=False) + "\n")
    os.replace(temporary, arguments.output)


if __name__ == "__main__":
    main()
