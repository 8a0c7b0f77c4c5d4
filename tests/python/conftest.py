# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Shared by the tests of the Python package. They run in .venv-python, into which scripts/python_package.py has put the
wheel of this checkout; the binary is the one that the other tests use."""
import json
import subprocess
from pathlib import Path

import pytest
import where
from where import FACTS, QUESTIONS, ROOT  # noqa: F401  (the tests import them from here)

ENVIRONMENT = where.environment()
# Few layers: these tests ask whether two ways agree, not how good the order is.
LOW = "0..3"


@pytest.fixture(scope="session")
def binary() -> Path:
    return where.built(where.BINARY)


@pytest.fixture(scope="session")
def model() -> str:
    return str(where.default_model())


@pytest.fixture(scope="session")
def shared() -> Path:
    return where.shared_folder("data").parent


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
    folder = tmp_path_factory.mktemp("collections") / "small"
    where.write_collection(folder)
    return folder


@pytest.fixture(scope="session")
def whole_run(binary, collection, tmp_path_factory) -> bytes:
    """What one process of the binary writes for the collection."""
    output = tmp_path_factory.mktemp("whole") / "run.trec"
    subprocess.run([str(binary), "rerank", "--dataset", str(collection), "--run", str(collection / "run.trec"), "--heads", LOW,
                    "--output", str(output)], check=True, capture_output=True, env=ENVIRONMENT)
    return output.read_bytes()
