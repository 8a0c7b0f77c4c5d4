# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""BM25 of `headwise search` against the first-stage runs that come with the shared collections. Those of dl19 and dl21 were made on all
of MS MARCO, of which the folders hold only what those runs found: there the questions' words look common, and the language's frequencies
stand in for the whole collection's."""
import json
import os
import sys
from pathlib import Path

import pytest

from conftest import ROOT, must_run

DATA = Path(os.environ.get("HEADWISE_SHARED", ROOT.parent / "shared")) / "data"


@pytest.mark.parametrize(("name", "whole"), [("nfcorpus", True), ("scifact", True), ("dl19", False), ("dl21", False)])
def test_ndcg_is_that_of_the_given_run(build, tmp_path, name, whole):
    data = DATA / name
    if not data.is_dir():
        pytest.skip(f"no shared collection at {data}; set HEADWISE_SHARED")
    flags = []
    if not whole:
        must_run(sys.executable, ROOT / "scripts" / "word_frequencies.py", "en", tmp_path / "english.tsv")
        flags = ["--word-frequencies", tmp_path / "english.tsv"]
    must_run(build / "headwise", "search", "--corpus", data, "--index", tmp_path / "index.bm25", "--queries", data / "queries.jsonl",
             "--no-rerank", "--depth", "100", "--output", tmp_path / "run.trec", *flags)
    table = must_run(build / "headwise", "eval", "--qrels", data / "qrels" / "test.tsv", "--run", data / "run.bm25.trec",
                     "--run", tmp_path / "run.trec", "-m", "ndcg@10,recall@100", "--json")
    given, ours = (run["means"] for run in json.loads(table)["runs"])
    assert ours["ndcg@10"] >= given["ndcg@10"] - 0.01
    if whole:
        assert ours["ndcg@10"] == pytest.approx(given["ndcg@10"], abs=0.01)
        assert ours["recall@100"] == pytest.approx(given["recall@100"], abs=0.01)
