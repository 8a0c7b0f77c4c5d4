# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Shared by the tests of the Python package. They run in .venv-python, into which scripts/python_package.py has put the
wheel of this checkout; the binary is the one that the other tests use."""
import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# What the caller has set must not reach the tests.
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith("HEADWISE_") or name in ("HEADWISE_HOME", "HEADWISE_ISA")}
# Few layers: these tests ask whether two ways agree, not how good the order is.
LOW = "0..3"

FACTS = [
    "The Moon circles the Earth once in about twenty-seven days.",
    "Emma is a novel by Jane Austen, first published in 1815.",
    "Copper turns green in the open air because carbonate forms on it.",
    "Bees tell each other where flowers are by the angle of a dance.",
    "Potatoes came to Europe by ship and were grown for their blossoms.",
    "Glass is made of sand, soda and lime, melted together.",
]
QUESTIONS = ["who wrote Emma?", "why does copper turn green?", "what is glass made of?", "how do bees talk?",
             "how long does the Moon take?", "where do potatoes come from?", "what did Jane Austen write?"]


@pytest.fixture(scope="session")
def binary() -> Path:
    path = Path(os.environ.get("HEADWISE_BINARY", ROOT / "build" / "release" / "headwise"))
    if not path.is_file():
        pytest.skip(f"{path} is missing; run scripts/setup or set HEADWISE_BINARY")
    return path.resolve()


@pytest.fixture(scope="session")
def model() -> str:
    home = os.environ.get("HEADWISE_HOME")
    path = (Path(home) if home else Path.home() / ".cache" / "headwise") / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
    if not path.is_file():
        pytest.skip(f"{path} is missing; run scripts/setup model")
    return str(path)


@pytest.fixture(scope="session")
def shared() -> Path:
    path = Path(os.environ.get("HEADWISE_SHARED", ROOT.parent / "shared"))
    if not (path / "data").is_dir():
        pytest.skip(f"{path}/data is missing; set HEADWISE_SHARED to the folder of the shared collections")
    return path


@pytest.fixture(scope="session")
def reranker(model):
    import headwise
    return headwise.Reranker(heads=LOW)


@pytest.fixture(scope="session")
def ask_binary(binary):
    """(query, documents, *flags) -> [(index, score)], best first, as the binary answers one line of JSONL."""
    def ask(query: str, documents: list, *flags: str) -> list[tuple[int, float]]:
        request = json.dumps({"query": query, "documents": documents}) + "\n"
        done = subprocess.run([str(binary), "rerank", *flags], input=request.encode(), capture_output=True, env=ENVIRONMENT)
        assert done.returncode == 0, done.stderr.decode()
        return [(result["index"], result["score"]) for result in json.loads(done.stdout)["results"]]
    return ask


@pytest.fixture(scope="session")
def collection(tmp_path_factory) -> Path:
    """A small BEIR folder with a first-stage run: 7 queries, 4 candidates each."""
    folder = tmp_path_factory.mktemp("collection")
    with open(folder / "corpus.jsonl", "w") as corpus:
        for place, fact in enumerate(FACTS):
            corpus.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": fact}) + "\n")
    with open(folder / "queries.jsonl", "w") as queries:
        for place, question in enumerate(QUESTIONS):
            queries.write(json.dumps({"_id": f"q{place}", "text": question}) + "\n")
    with open(folder / "run.trec", "w") as run:
        for place in range(len(QUESTIONS)):
            for rank in range(4):
                run.write(f"q{place} Q0 d{(place + rank) % len(FACTS)} {rank + 1} {10 - rank}.5 test\n")
    return folder


@pytest.fixture(scope="session")
def whole_run(binary, collection, tmp_path_factory) -> bytes:
    """What one process of the binary writes for the collection."""
    output = tmp_path_factory.mktemp("whole") / "run.trec"
    subprocess.run([str(binary), "rerank", "--dataset", str(collection), "--run", str(collection / "run.trec"), "--heads", LOW,
                    "--output", str(output)], check=True, capture_output=True, env=ENVIRONMENT)
    return output.read_bytes()
