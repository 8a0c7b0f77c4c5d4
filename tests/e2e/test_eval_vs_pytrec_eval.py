# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`headwise eval` against pytrec_eval, which is trec_eval's own C code: every query of every shared collection, with
ties, missing queries, unjudged documents, negative grades and lines in any order mixed in."""
import json
import os
import random
from pathlib import Path

import pytest

from conftest import must_run
from where import SHARED, built, shared_folder

pytrec_eval = pytest.importorskip("pytrec_eval")

DATA = SHARED / "data"
FIRST_STAGE = {"nfcorpus": "run.bm25.trec", "scifact": "run.bm25.trec", "dl19": "run.bm25.trec",
               "dl21": "run.bm25.trec", "musique": "run.given.trec"}
NDCG_AT_10 = {"nfcorpus": 0.3218, "scifact": 0.6789, "dl19": 0.5058, "dl21": 0.4458, "musique": 0.3148}
# Ours -> pytrec_eval's.
MEASURES = {"ndcg@5": "ndcg_cut_5", "ndcg@10": "ndcg_cut_10", "ndcg@20": "ndcg_cut_20", "ndcg": "ndcg", "map": "map",
            "map@10": "map_cut_10", "recip_rank": "recip_rank", "p@5": "P_5", "p@10": "P_10",
            "recall@10": "recall_10", "recall@100": "recall_100", "success@5": "success_5"}
TOLERANCE = 1e-6

Run = dict[str, dict[str, float]]
Grades = dict[str, dict[str, int]]


@pytest.fixture(scope="session")
def headwise(build) -> Path:
    binary = build / "headwise"
    return built(binary)


@pytest.fixture(params=FIRST_STAGE)
def collection(request) -> str:
    shared_folder(f"data/{request.param}")
    return request.param


def read(name: str) -> tuple[Run, Grades]:
    run: Run = {}
    for line in open(DATA / name / FIRST_STAGE[name]):
        query, _, document, _, score, _ = line.split()
        run.setdefault(query, {})[document] = float(score)
    grades: Grades = {}
    for line in list(open(DATA / name / "qrels" / "test.tsv"))[1:]:
        query, document, grade = line.rstrip("\n").split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    return run, grades


def write(folder: Path, run: Run, grades: Grades, dice: random.Random | None = None) -> tuple[Path, Path]:
    lines = [f"{query} Q0 {document} 0 {score!r} x\n" for query, row in run.items() for document, score in row.items()]
    judged = [f"{query} 0 {document} {grade}\n" for query, row in grades.items() for document, grade in row.items()]
    if dice:
        dice.shuffle(lines)
        dice.shuffle(judged)
    (folder / "run.trec").write_text("".join(lines))
    (folder / "qrels.txt").write_text("".join(judged))
    return folder / "run.trec", folder / "qrels.txt"


def check(headwise: Path, folder: Path, run: Run, grades: Grades, level: int = 1, dice: random.Random | None = None) -> None:
    run_file, qrels_file = write(folder, run, grades, dice)
    reference = pytrec_eval.RelevanceEvaluator(grades, set(MEASURES.values()), relevance_level=level).evaluate(run)
    assert reference, "nothing to compare"
    command = [headwise, "eval", "--qrels", qrels_file, "--run", run_file, "-m", ",".join(MEASURES), "--json",
               "--per-query", "--relevance-level", level]
    ours = json.loads(must_run(*command))["runs"][0]
    assert set(ours["per_query"]) == set(grades)
    assert ours["missing_queries"] == len(set(grades) - set(run))
    assert ours["unjudged_queries"] == len(set(run) - set(grades))
    sums = dict.fromkeys(MEASURES, 0.0)
    for query, values in ours["per_query"].items():
        for mine, theirs in MEASURES.items():
            expected = reference[query][theirs] if query in reference else 0.0
            assert values[mine] == pytest.approx(expected, abs=TOLERANCE), (query, mine)
            sums[mine] += expected
    retrieved = json.loads(must_run(*command, "--only-retrieved"))["runs"][0]
    assert set(retrieved["per_query"]) == set(reference)
    for measure, total in sums.items():
        assert ours["means"][measure] == pytest.approx(total / len(grades), abs=TOLERANCE)
        assert retrieved["means"][measure] == pytest.approx(total / len(reference), abs=TOLERANCE)


def test_first_stage_figures(headwise, collection):
    shown = must_run(headwise, "eval", "--dataset", DATA / collection, "--run", DATA / collection / FIRST_STAGE[collection],
                     "-m", "ndcg@10")
    assert f"{NDCG_AT_10[collection]:.4f}" in shown.splitlines()[1].split()


def test_as_given(headwise, collection, tmp_path):
    check(headwise, tmp_path, *read(collection))


@pytest.mark.parametrize("seed", [1, 2])
def test_with_everything_that_goes_wrong(headwise, collection, tmp_path, seed):
    dice = random.Random(f"{collection} {seed}")
    run, grades = read(collection)
    for query in dice.sample(sorted(run), len(run) // 4):  # missing queries
        del run[query]
    run["nobody judged this"[:6]] = {"d1": 1.0}  # a query without judgements
    for query, row in run.items():
        for document in list(row):
            what = dice.random()
            if what < 0.5:
                row[document] = float(round(row[document]))  # ties
            elif what < 0.6:
                row[document] = 7.1 + dice.random() * 1e-9  # ties as floats that are none as doubles
            elif what < 0.65:
                row[f"unjudged-{dice.random()}"] = row[document]
    for query, row in grades.items():
        for document in list(row):
            if dice.random() < 0.1:
                row[document] = dice.choice([-1, 0, 3, 5])  # -2 crashes trec_eval 9; measures_test.cc covers it
    for query in dice.sample(sorted(grades), 3):  # queries with nothing relevant
        grades[query] = {document: min(0, grade) for document, grade in grades[query].items()}
    check(headwise, tmp_path, run, grades, dice=dice)


@pytest.mark.parametrize("level", [2, 3])
def test_relevance_level(headwise, tmp_path, level):
    shared_folder("data/dl19")
    check(headwise, tmp_path, *read("dl19"), level=level)


def test_equal_scores_everywhere(headwise, collection, tmp_path):
    run, grades = read(collection)
    check(headwise, tmp_path, {query: dict.fromkeys(row, 1.0) for query, row in run.items()}, grades)
