# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Long, odd and empty passages and queries: none fails the others, and the answer says what was read."""
import json

import pytest
from where import FACTS

pytestmark = pytest.mark.usefixtures("tiny")

QUERY = ["rerank", "--query", "who wrote Emma?"]
# Twelve words a sentence.
LONG = " ".join(f"Sentence {number} is about bees and flowers, not about books at all." for number in range(40))


def ask(headwise, passages: list, *flags) -> dict:
    """Results by place in the request."""
    request = json.dumps({"query": "who wrote Emma?", "documents": passages})
    answer = json.loads(headwise.ok("rerank", *flags, stdin=request + "\n"))
    return {"order": [hit["index"] for hit in answer["results"]], "statistics": answer["statistics"],
            **{hit["index"]: hit for hit in answer["results"]}}


def test_long_passages_are_read_in_windows_or_cut(headwise):
    flags = ("--max-words", "60")
    whole = ask(headwise, [FACTS[0], {"title": "Bees", "text": LONG}], *flags)
    window = whole[1]["window"]
    assert not whole[1]["truncated"] and 8 < window["count"] and 0 <= window["number"] < window["count"]
    part = LONG.encode()[window["begin"]:window["end"]].decode()
    assert part.startswith("Sentence ") and part.endswith(".") and len(part.split()) <= 60
    assert "window" not in whole[0] and not whole[0]["truncated"]
    assert whole["statistics"]["windows"] == window["count"] and whole["statistics"]["truncated_passages"] == 0
    cut = ask(headwise, [FACTS[0], {"title": "Bees", "text": LONG}], *flags, "--long", "cut")
    assert cut[1]["truncated"] and "window" not in cut[1] and cut["statistics"]["truncated_passages"] == 1
    few = ask(headwise, [FACTS[0], {"title": "Bees", "text": LONG}], *flags, "--max-windows", "2")
    assert few[1]["truncated"] and few[1]["window"]["count"] == 2


def test_what_fits_has_the_same_score_either_way(headwise):
    chunk, cut = (ask(headwise, FACTS, "--long", how) for how in ("chunk", "cut"))
    assert [chunk[place]["score"] for place in range(len(FACTS))] == [cut[place]["score"] for place in range(len(FACTS))]


@pytest.mark.parametrize("text", [
    "月は地球を回る。" * 2000, "ภาษาไทยไม่มีช่องว่าง" * 1000, "aGVhZHdpc2U=" * 4000, "x" * 100_000, "\u0301" * 9000, "שלום " * 5000, "👩‍👩‍👧" * 4000,
    "\u00a0\u3000a" * 5000, "\0" * 5000 + "a",
], ids=["chinese", "thai", "base64", "one word", "marks", "right to left", "joined", "white space", "nul"])
@pytest.mark.parametrize("how", ["chunk", "cut"])
def test_no_text_fails_the_others(headwise, text, how):
    answer = ask(headwise, [FACTS[0], text, ""], "--long", how, "--max-windows", "2", "--max-words", "0")
    assert sorted(answer["order"]) == [0, 1, 2] and answer["order"][2] == 2
    assert answer[1]["truncated"] and not answer[0]["truncated"]


def test_a_token_cap_holds_without_a_word_cap(headwise):
    short = ask(headwise, [FACTS[0], "word " * 50], "--max-words", "0", "--max-tokens", "20", "--long", "cut")
    assert short["statistics"]["passage_tokens"] <= 40 and short[1]["truncated"]


def test_empty_passages_stand_last(headwise):
    plain = ask(headwise, FACTS[:2])
    answer = ask(headwise, ["", FACTS[0], " \u200b\n", FACTS[1], {"title": "", "text": "\u3000"}])
    assert answer["order"][2:] == [0, 2, 4]
    assert [answer[1]["score"], answer[3]["score"]] == [plain[0]["score"], plain[1]["score"]]
    assert answer[0]["empty"] and "empty" not in answer[1] and answer["statistics"]["empty_passages"] == 3
    assert answer[0]["score"] < min(answer[1]["score"], answer[3]["score"])
    assert ask(headwise, ["", " "])[0]["score"] == 0
    assert ask(headwise, [FACTS[0], ""], "--encoding", "list")["order"] == [0, 1]


def test_the_table_says_what_was_read(headwise):
    passages = "\n".join(json.dumps({"id": name, "text": text}) for name, text in (("a", FACTS[0]), ("b", LONG), ("c", " ")))
    (headwise.folder / "passages.jsonl").write_text(passages + "\n")
    done = headwise(*QUERY, "--documents", "passages.jsonl", "--max-words", "60", env={"COLUMNS": "120"})
    assert done.returncode == 0, done.stderr
    assert "[b, part " in done.stdout and "[c, empty]" in done.stdout and "] Sentence " in done.stdout
    assert "1 of 3 passages is empty and stands last" in done.stderr
    cut = headwise.ok(*QUERY, "--documents", "passages.jsonl", "--max-words", "60", "--long", "cut", env={"COLUMNS": "120"})
    assert "[b, cut] Sentence 0" in cut and "1 passage was cut" in cut


@pytest.mark.parametrize("record", [{"text": None}, {"text": ""}, {"title": None, "contents": None}, {"Title": " ", "TEXT": None},
                                    {"text": None, "url": "x"}, {"text": None, "body": None}])
def test_a_record_with_nothing_in_it_fails_no_other(headwise, record):
    """In every reader of documents: what a table has where a cell is empty comes as null."""
    folder = headwise.folder
    rows = [{"_id": "a", "text": FACTS[1]}, {"_id": "b", **record}]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "who wrote Emma?"}) + "\n")
    (folder / "run").write_text("q Q0 b 1 9 x\nq Q0 a 2 8 x\n")
    (folder / "candidates.jsonl").write_text(json.dumps({"qid": "q", "query": "who wrote Emma?", "candidates": rows}) + "\n")
    answers = [headwise(*QUERY, "--documents", "corpus.jsonl", "--format", "trec"), headwise("rerank", "--dataset", ".", "--run", "run"),
               headwise("rerank", "--run", "candidates.jsonl")]
    for done in answers:
        assert done.returncode == 0, done.stderr
        assert [line.split()[2] for line in done.stdout.splitlines()] == ["a", "b"]
        assert "1 of 2 passages is empty" in done.stderr
    assert ask(headwise, [record, FACTS[1]])[0]["empty"]
    assert json.loads(headwise.ok("search", "--corpus", "corpus.jsonl", "--query", "Emma", "--json"))["results"][0]["id"] == "a"
    assert "2 passages" in headwise("passages", "build", "--corpus", "corpus.jsonl", "--keep", "kept").stderr


@pytest.mark.parametrize("text", ["", " ", None, "\t \t", "\n"])
def test_a_query_with_nothing_in_it_is_told_before_the_others_run(headwise, collection, text):
    path = headwise.folder / "set" / "queries.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps({**row, "text": text} if row["_id"] == "q5" else row) + "\n" for row in rows))
    said = headwise.fails(3, "rerank", *collection)
    assert "query 'q5' of the run has an empty text: leave it out of the run" in said
    assert headwise.ok("rerank", *collection, "--queries", "3")  # nobody asks it


def test_an_empty_record_does_not_end_a_run(headwise):
    folder = headwise.folder
    (folder / "corpus.jsonl").write_text("".join(json.dumps({"_id": name, "text": text}) + "\n"
                                                 for name, text in (("d1", FACTS[0]), ("d2", ""), ("d3", LONG))))
    (folder / "queries.jsonl").write_text(json.dumps({"_id": "q", "text": "who wrote Emma?"}) + "\n")
    (folder / "run").write_text("".join(f"q Q0 {name} {rank} {9 - rank} x\n" for rank, name in enumerate(("d2", "d1", "d3"), 1)))
    done = headwise("rerank", "--dataset", ".", "--run", "run", "--max-words", "60")
    assert done.returncode == 0, done.stderr
    lines = [line.split() for line in done.stdout.splitlines()]
    assert len(lines) == 3 and lines[2][2] == "d2"
    scores = [float(line[4]) for line in lines]
    assert scores[0] > scores[1] > scores[2]
    assert "1 of 3 passages is empty" in done.stderr and "1 of 3 passages were longer" in done.stderr
    explained = json.loads(headwise.ok("explain", "--dataset", ".", "--run", "run", "--query-id", "q", "--max-words", "60", "--json"))
    assert explained["passages"][2]["empty"] and explained["passages"][2]["tokens"] == []
    assert [passage["score"] for passage in explained["passages"]] == pytest.approx(scores, rel=1e-6)


def test_explain_shows_the_best_window(headwise):
    (headwise.folder / "passages.jsonl").write_text(json.dumps({"id": "b", "text": LONG}) + "\n" + json.dumps({"id": "a", "text": "Emma"}) + "\n")
    flags = ["explain", "--query", "who wrote Emma?", "--documents", "passages.jsonl", "--max-words", "60"]
    [passage] = [passage for passage in json.loads(headwise.ok(*flags, "--json"))["passages"] if passage["id"] == "b"]
    window = passage["window"]
    assert passage["text"] == LONG[window["begin"]:window["end"]]
    assert f"part {window['number'] + 1} of {window['count']}" in headwise.ok(*flags)


@pytest.mark.parametrize("encoding", ["blocks", "list"])
def test_a_query_that_is_too_long_is_named(headwise, encoding):
    said = headwise.fails(5, "rerank", "--query", "why " * 9000, "--documents", "-", "--encoding", encoding, stdin="x\n")
    assert "the query takes " in said and "the model has 512 positions" in said and "shorten the query" in said


def test_windows_are_at_least_one(headwise):
    assert "--max-windows" in headwise.fails(2, *QUERY, "--documents", "-", "--max-windows", "0", stdin="x\n")
