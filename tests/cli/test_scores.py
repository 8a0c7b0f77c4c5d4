# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Kinds of scores, a least score, instructions, and relevance from judged questions to an answer."""
import json
import math

import pytest
from where import FACTS, QUESTIONS

pytestmark = pytest.mark.usefixtures("tiny")

QUERY = ["rerank", "--query", "who wrote Emma?", "--documents", "-", "--json"]
LINES = "\n".join(FACTS) + "\n"


def hits(headwise, *flags, stdin=LINES) -> list[tuple[int, float]]:
    return [(hit["index"], hit["score"]) for hit in json.loads(headwise.ok(*QUERY, *flags, stdin=stdin))["results"]]


def test_one_order_in_every_kind(headwise):
    raw = hits(headwise)
    assert hits(headwise, "--score", "raw") == raw
    places, scores = zip(*raw)
    exponentials = [math.exp(score - scores[0]) for score in scores]
    low, high = scores[-1], scores[0]
    for kind, expected in (("softmax", [e / sum(exponentials) for e in exponentials]),
                           ("minmax", [(score - low) / (high - low) for score in scores])):
        found = hits(headwise, "--score", kind)
        assert [place for place, _ in found] == list(places)
        assert [score for _, score in found] == pytest.approx(expected)


def test_a_least_score_is_of_the_kind_asked_for(headwise):
    raw = hits(headwise)
    middle = raw[2][1]
    assert hits(headwise, "--min-score", repr(middle)) == raw[:3]
    assert hits(headwise, "--min-score", repr(middle), "--top-k", "1") == raw[:1]
    assert hits(headwise, "--min-score", "-1e9") == raw
    assert [hit[0] for hit in hits(headwise, "--score", "minmax", "--min-score", "1")] == [raw[0][0]]
    assert hits(headwise, "--min-score", "1e9") == []
    table = headwise(*QUERY[:-1], "--min-score", "1e9", stdin=LINES)  # a table without a line is one, and says why
    assert table.returncode == 0 and table.stdout.splitlines()[0] == "who wrote Emma?"
    assert "no passage of 6 scores 1e+09 or more (--min-score)" in table.stderr
    assert headwise(*QUERY, "--min-score", "-1e9", stdin=LINES).stderr == ""


@pytest.mark.parametrize("flags, says", [
    (["--min-score", "nan"], "--min-score: expected a number; found 'nan'"),
    (["--min-score", "inf"], "--min-score: expected a number; found 'inf'"),
    (["--min-score", "1,5"], "--min-score: expected a number; found '1,5'"),
    (["--min-score", ""], "--min-score: expected a value; found none"),
    (["--min-score", "0x10"], "--min-score: expected a number; found '0x10'"),
    (["--score", "softmax", "--min-score", "1.01"], "--min-score: expected 1 or less with --score softmax, whose scores are from 0 to 1; found 1.01"),
    (["--min-score", "50", "--score", "minmax"], "--min-score: expected 1 or less with --score minmax"),
    (["--score", "percent"], "--score: expected one of raw, relevance, softmax, minmax; found 'percent'"),
    (["--score", "SOFTMAX"], "--score: expected one of raw, relevance, softmax, minmax; found 'SOFTMAX'"),
    (["--score", "relevance"], "relevance needs heads that have a fit of it"),  # nobody fitted the tiny model
    (["--instruction", " \t"], "--instruction is blank"),
])
def test_what_cannot_be_is_said(headwise, flags, says):
    assert says in headwise.fails(2, *QUERY, *flags, stdin=LINES)


def test_a_template_without_a_place_refuses_an_instruction(headwise, tmp_path):
    template = tmp_path / "mine.json"
    template.write_text('{"name": "mine", "lead": "P:\\n", "separator": "\\n", "instruction": "Q:"}')
    says = headwise.fails(2, *QUERY, "--template", str(template), "--instruction", "Find.", stdin=LINES)
    assert "template 'mine' has no place for --instruction" in says


def test_an_instruction_changes_scores_and_only_its_own_words_do(headwise):
    raw = hits(headwise)
    assert hits(headwise, "--instruction", "") == raw
    own = "Please find information that are relevant to the following query in the paragraphs above."
    assert hits(headwise, "--instruction", own) == raw
    assert sorted(hits(headwise, "--instruction", "Find what contradicts the claim.")) != sorted(raw)
    for odd in ("<|im_end|>\n<|im_start|>system", "質問に答える段落を探して。", "find " * 50, "{n} \\ \"", "."):
        assert len(hits(headwise, "--instruction", odd)) == len(FACTS)
    said = headwise.fails(5, *QUERY, "--instruction", "x y " * 2500, stdin=LINES)  # the tiny model has 512 positions
    assert "512 positions" in said and "takes 10" in said
    assert "not valid UTF-8" in headwise.fails(3, *QUERY, "--instruction", "\udcff", stdin=LINES)


def test_runs_are_raw_unless_asked(headwise, collection, tmp_path):
    headwise.ok("rerank", *collection, "--output", "raw.trec")
    headwise.ok("rerank", *collection, "--output", "softmax.trec", "--score", "softmax")
    raw, softmax = ([line.split() for line in (tmp_path / name).read_text().splitlines()] for name in ("raw.trec", "softmax.trec"))
    assert [row[:4] for row in raw] == [row[:4] for row in softmax]
    assert sum(float(row[4]) for row in softmax) == pytest.approx(7)  # one a question
    headwise.ok("rerank", *collection, "--output", "high.trec", "--score", "minmax", "--min-score", "0.5")
    high = [line.split() for line in (tmp_path / "high.trec").read_text().splitlines()]
    assert 7 <= len(high) < len(raw) and all(float(row[4]) >= 0.5 for row in high)


@pytest.fixture
def judged(collection, tmp_path) -> list[str]:
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" +
                                        "".join(f"q{place}\td{place % len(FACTS)}\t1\n" for place in range(len(QUESTIONS))))
    (tmp_path / "heads.json").write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["0-1", "1-0", "1-2"],
                                                     "weights": [2.0, 1.0, 0.5], "encoding": "blocks", "calibration": "na"}))
    return [*collection[:4], "--qrels", "qrels.tsv", "--heads", "heads.json"]


def test_relevance_from_judged_questions_to_an_answer(headwise, judged, tmp_path):
    headwise.ok("heads", "sample", *judged, "--output", "samples.jsonl")
    header, *requests = [json.loads(line) for line in (tmp_path / "samples.jsonl").read_text().splitlines()]
    assert header["heads"] == ["0-1", "1-0", "1-2"] and header["data"] == "set"
    assert len(requests) == 7 * (1 + 8)  # of 1, 5, 20 and 100 only 1 can be of four candidates
    assert {request["passages"] for request in requests} <= {1, 2, 3, 4}
    for request in requests:
        assert len(request["scores"]) == len(request["relevant"]) == len(set(request["ids"])) == request["passages"]
        assert 0 < request["mass"] < 1 and 0 < request["empty_mass"] < 1
    headwise.ok("heads", "sample", *judged, "--output", "again.jsonl")
    assert (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "samples.jsonl").read_bytes()

    table = headwise.ok("heads", "calibrate", "--samples", "samples.jsonl", "--test", "again.jsonl", "--heads", "heads.json",
                        "--output", "fitted.json", "--report", "page.html")
    assert "left out in turn" in table and "ECE" in table
    *_, auc, alone = next(line for line in table.splitlines() if line.startswith("set ") and " 4 to 6 " in line).split()
    assert 0 <= float(auc) <= 1 and 0 <= int(alone.removesuffix("%")) <= 100
    fitted = json.loads((tmp_path / "fitted.json").read_text())
    assert fitted["relevance"]["data"] == [f"set: {sum(r['passages'] for r in requests)} passages in 63 requests"]
    page = (tmp_path / "page.html").read_text()
    assert "<polyline" in page and "expected calibration error" in page

    # Without samples: what the set has, which is what was just fitted; nothing is written.
    own = headwise.ok("heads", "calibrate", "--test", "again.jsonl", "--heads", "fitted.json", "--report", "own.html")
    assert own.splitlines()[1:] == [line for line in table.splitlines() if line.startswith("set ")]
    assert "<polyline" in (tmp_path / "own.html").read_text()

    raw = hits(headwise, "--heads", "heads.json")
    assert hits(headwise, "--heads", "fitted.json") == raw, "a fit changes no raw score"
    relevant = hits(headwise, "--heads", "fitted.json", "--score", "relevance")
    assert [place for place, _ in relevant] == [place for place, _ in raw]
    assert all(0 <= score <= 1 for _, score in relevant)
    assert [score for _, score in relevant] == sorted((score for _, score in relevant), reverse=True)
    # Of other readings, of fused scores and of a set without a fit it says nothing.
    for flags in (["--heads", "heads.json"], ["--heads", "fitted.json", "--calibration", "none"],
                  ["--heads", "fitted.json", "--fuse", "rrf"]):
        assert "relevance needs heads that have a fit" in headwise.fails(2, *QUERY, *flags, "--score", "relevance", stdin=LINES)


def test_samples_of_other_heads_are_refused(headwise, judged, tmp_path):
    headwise.ok("heads", "sample", *judged, "--output", "samples.jsonl", "--queries", "2", "--draws", "0")
    other = json.loads((tmp_path / "heads.json").read_text()) | {"weights": [1, 1, 1]}
    (tmp_path / "other.json").write_text(json.dumps(other))
    said = headwise.fails(2, "heads", "calibrate", "--samples", "samples.jsonl", "--heads", "other.json", "--output", "o.json")
    assert "other heads or weights" in said
    assert "is missing" in headwise.fails(2, "heads", "calibrate", "--heads", "heads.json")
    tested = ("heads", "calibrate", "--test", "samples.jsonl", "--heads", "heads.json")
    assert "has no relevance to test; fit one with --samples" in headwise.fails(2, *tested)
    assert "nothing is fitted without --samples" in headwise.fails(2, *tested, "--output", "o.json")
    assert not (tmp_path / "o.json").exists()
    assert "--qrels FILE" in headwise.fails(2, "heads", "sample", *judged[:4], "--output", "o.jsonl")
    for flags in (["--fuse", "rrf"], ["--heads", "all"]):
        said = headwise.fails(2, "heads", "sample", *judged[:6], *flags, "--output", "o.jsonl")
        assert "raw scores of a head set" in said
