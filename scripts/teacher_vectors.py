# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Teachers' embeddings kept on disk: every text is encoded once, whatever collection it is of.

    teacher/bin/python scripts/teacher_vectors.py --store vectors --teacher mpnet --bf16 pool/nq pool/wikiqa ...

encodes the questions and passages of these BEIR folders, questions and given candidates (*.trec) of every folder before the rest of any,
and may be stopped at any time: the next call goes on. A store is a folder with one file for each encoder: records of a text's hash and its
vector in half precision, only ever added to. One process writes at a time; others may read.
"""
from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np

from beir import passage_text, read_corpus, read_qrels, read_queries, read_run
from bi_encoders import encoder_named, load_encoder

HASH_BYTES = 16
CHUNK = 256  # texts between two writes: what is lost when it is stopped


def text_hash(side: str, text: str) -> bytes:
    return hashlib.sha256(f"{side}\0{text}".encode()).digest()[:HASH_BYTES]


class VectorStore:
    """Vectors of one encoder. `name` as --teacher takes it; the weights are loaded when a text is missing."""

    def __init__(self, folder: Path, name: str, device: str = "cpu", bf16: bool = False):
        self.encoder = encoder_named(name)
        self.load = lambda: self.encoder.load(device, bf16)
        self.model = None
        folder.mkdir(parents=True, exist_ok=True)
        self.path = folder / f"{Path(name).name}.vectors"
        self.places: dict[bytes, int] = {}
        self.begin = 0  # of the first record
        self.records = np.zeros(0)
        self.read()

    def read(self) -> None:
        """Takes in what is on disk: the first line says how wide vectors are, whole records follow."""
        if not self.path.is_file() or self.path.stat().st_size == 0:
            return
        with self.path.open("rb") as file:
            header = file.readline()
        self.begin = len(header)
        record = np.dtype([("hash", f"V{HASH_BYTES}"), ("vector", np.float16, json.loads(header)["width"])])
        whole = (self.path.stat().st_size - self.begin) // record.itemsize
        self.records = np.memmap(self.path, record, "r", offset=self.begin, shape=whole) if whole else np.zeros(0, record)
        for place in range(len(self.places), whole):
            self.places[self.records[place]["hash"].tobytes()] = place

    def key(self, side: str, text: str) -> bytes:
        return text_hash(side if self.encoder.sides else "", text)

    def missing(self, side: str, texts: list[str]) -> list[str]:
        return [text for text in dict.fromkeys(texts) if self.key(side, text) not in self.places]

    def fill(self, side: str, texts: list[str]) -> None:
        """Encodes what is missing of `texts` ("queries" or "passages"), short ones first."""
        left = sorted(self.missing(side, texts), key=lambda text: (len(text), text))
        for begin in range(0, len(left), CHUNK):
            self.model = self.model or self.load()
            chunk = left[begin:begin + CHUNK]
            self.append(side, chunk, getattr(self.model, side)(chunk))

    def append(self, side: str, texts: list[str], vectors: np.ndarray) -> None:
        with self.path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file.fileno()).st_size == 0:
                file.write(json.dumps({"width": vectors.shape[1]}).encode() + b"\n")
                file.flush()
            self.read()
            # Behind the last whole record stands a piece of one where somebody was stopped while writing it.
            file.truncate(self.begin + len(self.records) * self.records.dtype.itemsize)
            for text, vector in zip(texts, vectors.astype(np.float16)):
                if self.key(side, text) not in self.places:
                    file.write(self.key(side, text) + vector.tobytes())
        self.read()

    def queries(self, texts: list[str]) -> np.ndarray:
        return self.vectors("queries", texts)

    def passages(self, texts: list[str]) -> np.ndarray:
        return self.vectors("passages", texts)

    def vectors(self, side: str, texts: list[str]) -> np.ndarray:
        """[texts, width] in fp32, what is missing encoded first."""
        self.fill(side, texts)
        return self.records["vector"][[self.places[self.key(side, text)] for text in texts]].astype(np.float32)


class Teacher:
    """One bi-encoder or several; a question's score for a passage is the mean of theirs, each brought to logits at a temperature of .05."""

    def __init__(self, names: list[str], device: str = "cpu", store: Path | None = None, bf16: bool = False):
        if store is None:
            sources = [(load_encoder(name, device, bf16)) for name in names]
        else:
            sources = [(VectorStore(store, name, device, bf16), encoder_named(name).scale) for name in names]
        self.sources = [(source, np.sqrt(scale / len(names))) for source, scale in sources]

    # A product of joined vectors is the mean of the products.
    def queries(self, texts: list[str]) -> np.ndarray:
        return np.hstack([source.queries(texts) * factor for source, factor in self.sources])

    def passages(self, texts: list[str]) -> np.ndarray:
        return np.hstack([source.passages(texts) * factor for source, factor in self.sources])


def read_texts(folder: Path, words: int, given: bool) -> tuple[list[str], list[str]]:
    """A BEIR folder's questions and passages as teachers read them; `given`: those of its runs (*.trec) and judgements alone."""
    corpus = read_corpus(folder)
    wanted = set(corpus)
    if given:
        listed = {document for path in folder.glob("*.trec") for run in [read_run(path)] for places in run.values() for document in places}
        listed |= {document for path in folder.glob("qrels/*.tsv") for grades in read_qrels(path).values() for document in grades}
        wanted &= listed
    return list(read_queries(folder).values()), [passage_text(*corpus[document], words) for document in corpus if document in wanted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+", help="BEIR folders, the most important first")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--teacher", action="append", required=True)
    parser.add_argument("--words", type=int, default=80, help="of a passage")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--bf16", action="store_true", help="products in bf16")
    arguments = parser.parse_args()
    stores = [VectorStore(arguments.store, name, arguments.device, arguments.bf16) for name in arguments.teacher]
    for given in (True, False):
        for folder in arguments.folders:
            queries, passages = read_texts(folder, arguments.words, given)
            for store in stores:
                begin = time.monotonic()
                missing = len(store.missing("queries", queries)) + len(store.missing("passages", passages))
                store.fill("queries", queries)
                store.fill("passages", passages)
                print(f"{folder.name}: {missing} texts by {store.path.stem} in {time.monotonic() - begin:.0f} s", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
