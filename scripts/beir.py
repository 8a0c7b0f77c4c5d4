# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""BEIR folders as the scripts about teachers read them: texts, judgements, runs, and BM25 over a corpus. Not a script."""
from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import numpy as np
import scipy.sparse

STOP = set("a an and are as at be but by do does for how if in into is it no not of on or such that the their then there these they this "
           "to was what when where which who will with".split())


def terms(text: str) -> list[str]:
    return [word for word in re.findall(r"[a-z0-9]+", text.lower()) if word not in STOP]


def first_words(text: str, count: int) -> str:
    """The text up to its count-th word, white space inside kept, as the engine cuts passages."""
    words = list(re.finditer(r"\S+", text))
    return text if len(words) <= count else text[:words[count - 1].end()]


def passage_text(title: str, text: str, words: int) -> str:
    """A passage as the engine shows it: the title on a line of its own, where there is one, cut after so many words."""
    return first_words(f"{title}\n{text}" if title else text, words)


def passage_json(title: str, text: str, words: int) -> dict:
    """The same as a line of --targets has it: title and text apart where the cut leaves something of the text."""
    passage = passage_text(title, text, words)
    whole = bool(title) and passage.startswith(f"{title}\n")
    return {"title": title, "text": passage[len(title) + 1:]} if whole else {"text": passage}


def read_jsonl(path: Path):
    with path.open(encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def read_corpus(folder: Path) -> dict[str, tuple[str, str]]:
    """Title and text by id; passages without text are left out."""
    return {document["_id"]: (document.get("title") or "", document["text"]) for document in read_jsonl(folder / "corpus.jsonl")
            if document.get("text", "").strip()}


def read_queries(folder: Path) -> dict[str, str]:
    return {query["_id"]: query["text"] for query in read_jsonl(folder / "queries.jsonl")}


def read_qrels(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    return grades


def read_run(path: Path, first: int = 0) -> dict[str, list[str]]:
    run: dict[str, list[str]] = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document = line.split()[:3]
        run.setdefault(query, []).append(document)
    return dict(list(run.items())[:first or None])


class Bm25:
    """Over the texts given, in their order."""

    def __init__(self, texts: list[str], k1: float = 0.9, b: float = 0.4):
        rows, columns, counts = [], [], []
        self.vocabulary: dict[str, int] = {}
        for row, text in enumerate(texts):
            for word, count in Counter(terms(text)).items():
                rows.append(row)
                columns.append(self.vocabulary.setdefault(word, len(self.vocabulary)))
                counts.append(float(count))
        rows, columns, counts = np.array(rows), np.array(columns), np.array(counts)
        documents = len(texts)
        length = np.bincount(rows, counts, documents)
        frequency = np.bincount(columns, minlength=len(self.vocabulary))
        idf = np.log(1 + (documents - frequency + 0.5) / (frequency + 0.5))
        weight = counts * (k1 + 1) / (counts + k1 * (1 - b + b * length[rows] / length.mean())) * idf[columns]
        self.index = scipy.sparse.csr_matrix((weight, (rows, columns)), shape=(documents, len(self.vocabulary)))

    def scores(self, text: str) -> np.ndarray:
        query = np.zeros(len(self.vocabulary))
        for word in set(terms(text)):
            if word in self.vocabulary:
                query[self.vocabulary[word]] = 1.0
        return self.index @ query

    def nearest(self, text: str, count: int) -> list[int]:
        return np.argsort(-self.scores(text), kind="stable")[:count].tolist()
