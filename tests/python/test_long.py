# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Long, odd and empty passages: none fails the others, and each hit says what was read of it."""
import json
import pickle

import headwise
import pytest
from conftest import FACTS, LOW

# Characters of several bytes, so that bytes and characters differ.
LONG = " ".join(f"Satz {number} erzählt von Bienen, Blüten und Gärten, nicht von Büchern." for number in range(30))


@pytest.fixture(scope="module")
def short(model):
    return headwise.Reranker(heads=LOW, max_words=60)


def test_the_best_window(short):
    hits = {hit.index: hit for hit in short.rank("who wrote Emma?", [FACTS[0], {"title": "Bienen", "text": LONG}])}
    window = hits[1].window
    assert not hits[1].truncated and hits[0].window is None and 0 <= window.number < window.count > 4
    part = LONG[window.begin:window.end]
    assert part.startswith("Satz ") and part.endswith("Büchern.") and len(part.split()) <= 60
    assert pickle.loads(pickle.dumps(hits[1])) == hits[1]


def test_cut(model):
    reranker = headwise.Reranker(heads=LOW, max_words=60, long="cut")
    hits = {hit.index: hit for hit in reranker.rank("who wrote Emma?", [FACTS[0], LONG])}
    assert hits[1].truncated and hits[1].window is None and not hits[0].truncated


@pytest.mark.parametrize("text", ["月は地球を回る。" * 3000, "x" * 100_000, "\u0301" * 9000, "👩‍👩‍👧" * 3000, "\0" * 3000 + "a", "aGVhZA==" * 4000])
def test_no_text_fails_the_others(model, text):
    reranker = headwise.Reranker(heads=LOW, max_windows=2)
    ranking = reranker.rank("who wrote Emma?", [FACTS[0], text, ""])
    assert sorted(hit.index for hit in ranking) == [0, 1, 2] and ranking[2].empty
    assert next(hit for hit in ranking if hit.index == 1).truncated


def test_empty_passages_stand_last(reranker):
    plain = {hit.index: hit.score for hit in reranker.rank("who wrote Emma?", FACTS[:2])}
    ranking = reranker.rank("who wrote Emma?", ["", FACTS[0], "\u200b \n", FACTS[1]])
    assert [hit.index for hit in ranking[2:]] == [0, 2] and all(hit.empty for hit in ranking[2:])
    assert {hit.index: hit.score for hit in ranking[:2]} == {1: plain[0], 3: plain[1]}
    assert ranking[2].score < ranking[1].score and ranking.statistics["empty_passages"] == 2
    assert [hit.score for hit in reranker.rank("q", [" ", ""])] == [0.0, 0.0]
    scores = reranker.head_scores("who wrote Emma?", [FACTS[0], ""])
    assert scores.values.shape[2] == 2 and not scores.values[:, :, 1].any()


def test_explanations_are_of_the_best_window(short):
    documents = [FACTS[0], LONG, ""]
    ranking = short.rank("who wrote Emma?", documents)
    explanation = short.explain("who wrote Emma?", documents, per_head=True)
    for hit, explained in zip(ranking, explanation.passages):
        assert (hit.index, hit.score, hit.window, hit.empty) == (explained.index, explained.score, explained.window, explained.empty)
        if explained.window:
            assert explained.text == LONG[explained.window.begin:explained.window.end]
    assert explanation.passages[2].tokens == [] and "part " in explanation.to_html()


def test_runs_over_data_sets_are_cut_like_the_command_lines(short, binary, tmp_path):
    import subprocess

    from conftest import ENVIRONMENT
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps({"_id": name, "text": text}) + "\n" for name, text in (("a", FACTS[0]), ("b", LONG), ("c", ""))))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "who wrote Emma?"}) + "\n")
    (tmp_path / "run").write_text("".join(f"q Q0 {name} {rank} {9 - rank} x\n" for rank, name in enumerate("abc", 1)))
    short.rerank_run(tmp_path / "run", dataset=tmp_path, output=tmp_path / "ours")
    subprocess.run([str(binary), "rerank", "--dataset", str(tmp_path), "--run", str(tmp_path / "run"), "--heads", LOW, "--max-words", "60",
                    "--output", str(tmp_path / "theirs")], check=True, env=ENVIRONMENT, capture_output=True)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes() != b""
