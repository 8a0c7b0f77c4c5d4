# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A run that takes a few seconds, and the file that one process of the binary makes of it. Not a test."""
import json
import subprocess
from pathlib import Path

from conftest import ENVIRONMENT, FACTS, QUESTIONS
from where import TINY

QUERIES = 30
HEADS = "0..5"


def make_collection(folder: Path) -> None:
    with open(folder / "corpus.jsonl", "w") as corpus:
        for place in range(60):
            corpus.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": " ".join((FACTS * 3)[place % 6:][:3])}) + "\n")
    with open(folder / "queries.jsonl", "w") as queries, open(folder / "run.trec", "w") as run:
        for place in range(QUERIES):
            queries.write(json.dumps({"_id": f"q{place}", "text": f"{QUESTIONS[place % 7]} ({place})"}) + "\n")
            for rank in range(10):
                run.write(f"q{place} Q0 d{(place + rank * 7) % 60} {rank + 1} {20 - rank} test\n")


def prepare(binary: Path, folder: Path) -> tuple[Path, bytes]:
    """The folder with the collection, and the file that one process makes of it."""
    make_collection(folder)
    return folder, one_process(binary, folder, folder / "whole.trec")


def one_process(binary: Path, folder: Path, output: Path) -> bytes:
    subprocess.run([str(binary), "rerank", "--dataset", str(folder), "--run", str(folder / "run.trec"), "--heads", HEADS, "--output",
                    str(output)], check=True, capture_output=True, env=ENVIRONMENT)
    return output.read_bytes()


PASSAGES = 2400


def make_passages(folder: Path) -> Path:
    """A collection of passages, no two alike, that the tiny model takes some seconds for."""
    with open(folder / "passages.jsonl", "w") as lines:
        for place in range(PASSAGES):
            lines.write(json.dumps({"_id": f"d{place}", "text": f"{place} " + " ".join(FACTS)}) + "\n")
    return folder / "passages.jsonl"


def whole_build(binary: Path, corpus: Path, keep: Path) -> dict:
    """What one process has left to do; with the checksums of what others kept."""
    def told(*arguments: object) -> dict:
        done = subprocess.run([str(binary), "passages", *map(str, arguments), "--json"], check=True, capture_output=True, env=ENVIRONMENT)
        return json.loads(done.stdout)

    assert told("verify", "--keep", keep)["damaged"] == []
    return told("build", "--model", TINY, "--corpus", corpus, "--keep", keep)
