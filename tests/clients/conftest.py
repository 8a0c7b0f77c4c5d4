# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Tests that need other people's packages (scripts/requirements-clients.txt, .venv-clients): a server on the default model."""
import json
import sys

import pytest
import where
from browsing import browser, open_page  # noqa: F401  (fixtures)
from where import ROOT

sys.path.insert(0, str(ROOT / "tests" / "server"))
from serving import Server, rerank  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def _ready():
    where.built(where.BINARY)
    where.default_model()


@pytest.fixture(scope="session")
def server():
    with Server(model=None) as running:
        yield running


@pytest.fixture(scope="session")
def question() -> str:
    return (ROOT / "examples/demo/questions.tsv").read_text().splitlines()[1].split("\t")[1]


@pytest.fixture(scope="session")
def passages() -> list[str]:
    """The demo's twenty."""
    texts = [json.loads(line)["text"] for line in (ROOT / "examples/demo/venus.jsonl").read_text().splitlines()]
    assert len(texts) == 20
    return texts


@pytest.fixture(scope="session")
def expected(server, question, passages):
    """Index and score as the binary gives them, of the kind that the server gives to other people's clients: relevance where
    the default heads have a fit of it."""
    kind = server.post("/v1/rerank", {"query": question, "documents": passages}).json["score_scale"]
    return [(hit["index"], hit["score"]) for hit in rerank(question, passages, "--score", kind, model=None)]
