# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`explain`: its numbers against `rerank` and against numpy, its page, its terminal form, answers to bad input."""
import itertools
import json
import os
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from terminal import on_a_terminal
from where import FACTS, TINY

HOSTILE = "<script>alert(\"1\")</script> & 'quotes' \U0001f469\u200d\U0001f680 cafe\u0301 \u65e5\u672c \x1b[31mred"
LINES = "\n".join(FACTS[:3] + [HOSTILE]) + "\n"
SOURCE = ["--documents", "-", "--model", TINY]
ASK = ["--query", "who wrote Emma?", *SOURCE]
ODD_HEADS = "1-2,0-3,1-0"


def explained(headwise, *flags, query="who wrote Emma?"):
    return json.loads(headwise.ok("explain", "--query", query, *SOURCE, "--json", *flags, stdin=LINES))


def in_order(values):
    total = 0.0
    for value in values:
        total += value
    return total


def close(a, b):
    return abs(a - b) <= 1e-12 * max(1.0, abs(b))


@pytest.mark.parametrize("encoding, calibration", list(itertools.product(["list", "blocks"], ["none", "na", "ratio", "after sum"])))
def test_the_parts_of_rerank_s_scores(headwise, encoding, calibration):
    how = ["na", "--filter-after-sum"] if calibration == "after sum" else [calibration]
    for heads, fuse in itertools.product(["all", ODD_HEADS], ["none", "rrf"]):
        flags = ["--encoding", encoding, "--heads", heads, "--fuse", fuse, "--calibration", *how]
        ranked = json.loads(headwise.ok("rerank", *ASK, "--json", *flags, stdin=LINES))["results"]
        answer = explained(headwise, "--per-head", "--threads", "1", *flags)
        found = answer["passages"]
        assert [(p["id"], p["rank"], p["score"]) for p in found] == [(p["id"], p["rank"], p["score"]) for p in ranked]
        for passage in found:
            score = passage["attention_score"]
            if fuse == "none":
                assert score == passage["score"]
            else:
                assert passage["fused"]["ours"] + passage["fused"]["first_stage"] == passage["score"]
            total = in_order(token["weight"] for token in passage["tokens"])
            assert close(total, score) and f"{total:.6g}" == f"{score:.6g}"
            assert close(in_order(passage["head_shares"]), score)
            assert [head["head"] for head in passage["heads"]] == answer["heads"]
            for share, head in zip(passage["head_shares"], passage["heads"]):
                assert close(in_order(head["weights"]), share)
                assert all(head["weights"][place] == 0 for place in head["dropped"])


def test_the_default_model_s_scores_are_rerank_s(headwise, model):
    flags = ["--query", "who wrote Emma?", "--documents", "-", "--json", "--heads", "15-6,17-0,13-6"]
    ranked = json.loads(headwise.ok("rerank", *flags, stdin=LINES))["results"]
    found = json.loads(headwise.ok("explain", *flags, stdin=LINES))["passages"]
    assert found[0]["id"] == "2"
    assert [(p["id"], p["score"]) for p in found] == [(p["id"], p["score"]) for p in ranked]
    for passage in found:
        assert in_order(token["weight"] for token in passage["tokens"]) == passage["score"]


def test_against_numpy(headwise):
    """The content-free query is "N/A" in the query's place: its attention is what a query "N/A" pays."""
    flags = ["--heads", ODD_HEADS, "--per-head", "--json", "--documents", "-", "--model", TINY]
    plain = lambda query: json.loads(headwise.ok("explain", "--query", query, "--calibration", "none", *flags, stdin=LINES))
    queried = {p["id"]: p for p in plain("who wrote Emma?")["passages"]}
    free = {p["id"]: p for p in plain("N/A")["passages"]}
    for passage in explained(headwise, "--heads", ODD_HEADS, "--per-head", "--calibration", "ratio")["passages"]:
        total = 0
        for h, head in enumerate(passage["heads"]):
            a = np.array(queried[passage["id"]]["heads"][h]["attention"])
            b = np.array(free[passage["id"]]["heads"][h]["attention"])
            assert np.array_equal(a, head["attention"])
            x, y = a.sum() + 1e-7, b.sum() + 1e-7
            weights = (a - b) * (np.log(x) - np.log(y)) / (x - y)
            np.testing.assert_allclose(head["weights"], weights, rtol=1e-3, atol=1e-6)
            total = total + weights
        np.testing.assert_allclose([token["weight"] for token in passage["tokens"]], total, rtol=1e-3, atol=1e-6)
    for passage in explained(headwise, "--heads", ODD_HEADS, "--per-head", "--calibration", "na")["passages"]:
        for h, head in enumerate(passage["heads"]):
            c = np.array(queried[passage["id"]]["heads"][h]["attention"]) - np.array(free[passage["id"]]["heads"][h]["attention"])
            kept = c > c.mean() - 2 * c.std(ddof=1)
            assert head["dropped"] == list(np.flatnonzero(~kept))
            np.testing.assert_allclose(head["weights"], np.where(kept, c, 0), rtol=1e-3, atol=1e-9)


def test_tokens_spell_the_passages(headwise):
    given = FACTS[:3] + [HOSTILE]
    for encoding, marker in (("blocks", ""), ("list", "[{}] ")):
        for passage in explained(headwise, "--encoding", encoding)["passages"]:
            assert passage["text"] == marker.format(passage["index"] + 1) + given[passage["index"]]
            text, at = passage["text"].encode(), 0
            for token in passage["tokens"]:
                assert token["begin"] == at and token["text"] == text[at:token["end"]].decode("utf-8", "replace")
                at = token["end"]
            assert at == len(text)


class Page(HTMLParser):
    """Checks that elements close in order; collects texts by class, ids, what labels point to, outside addresses."""
    VOID = {"meta", "input", "br"}

    def __init__(self, html):
        super().__init__()
        self.open, self.tags, self.ids, self.targets, self.passages, self.addresses = [], [], set(), set(), [], []
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append(tag)
        self.addresses += [attrs[name] for name in ("src", "href") if name in attrs]
        if "id" in attrs:
            assert attrs["id"] not in self.ids
            self.ids.add(attrs["id"])
        if tag == "label":
            self.targets.add(attrs["for"])
        if attrs.get("class") == "text":
            self.passages.append("")
        if tag not in self.VOID:
            self.open.append((tag, attrs.get("class", "")))

    def handle_endtag(self, tag):
        assert self.open and self.open.pop()[0] == tag

    def handle_data(self, data):
        if any(name == "text" for _, name in self.open):
            self.passages[-1] += data


@pytest.mark.parametrize("flags", [[], ["--per-head"], ["--per-head", "--calibration", "na", "--encoding", "list"], ["--fuse", "rrf"]])
def test_the_page_is_whole_escaped_and_alone(headwise, tmp_path, flags):
    query = "<b>who & \"why\""
    stderr = headwise("explain", "--query", query, *SOURCE, *flags, "--report", "page.html", stdin=LINES).stderr
    assert "page written to 'page.html'" in stderr
    html = (tmp_path / "page.html").read_text()
    page = Page(html)
    assert "script" not in page.tags and "link" not in page.tags and page.addresses == []
    assert "url(" not in html and "http" not in html and "@import" not in html and "\x1b" not in html
    assert "<title>headwise explains: &lt;b&gt;who &amp; &quot;why&quot;</title>" in html
    assert page.targets <= page.ids
    assert ("h8" in page.ids) == ("--per-head" in flags)  # 2 layers of 4 heads
    # Every passage can be read as it was, only the control character is replaced.
    for passage in explained(headwise, *flags, query=query)["passages"]:
        assert passage["text"].replace("\x1b", "\ufffd") in page.passages


def test_characters_stay_whole_in_the_page(headwise, tmp_path):
    headwise.ok("explain", *ASK, "--report", "page.html", stdin=LINES)
    spans = re.findall(r'<span class="t[^>]*>([^<]*)</span>', (tmp_path / "page.html").read_text())
    assert spans and not any(span == "" or span[0] in "\u0301\u200d" or span.endswith("\u200d") for span in spans)
    assert any("e\u0301" in span for span in spans) and any("\U0001f469\u200d\U0001f680" in span for span in spans)
    assert sum("\ufffd" in span for span in spans) == 1  # the control character, and no torn character


def test_plain_text_marks_the_strongest_tokens(headwise):
    text = headwise.ok("explain", *ASK, "--heads", ODD_HEADS, "--top-k", "2", "--per-head", stdin=LINES, env={"COLUMNS": "90"})
    lines = text.splitlines()
    assert "\x1b" not in text and lines[0] == "who wrote Emma?"
    ranked = json.loads(headwise.ok("rerank", *ASK, "--heads", ODD_HEADS, "--json", stdin=LINES))["results"]
    shown = [re.match(r" +(\d+)  \[(\d+)\]  score (-?[\d.]+)$", line) for line in lines]
    shown = [match.groups() for match in shown if match]
    assert [(place, passage) for place, passage, _ in shown] == [(str(hit["rank"]), hit["id"]) for hit in ranked[:2]]
    for (_, _, score), hit in zip(shown, ranked):
        assert score == f"{hit['score']:.{len(score.split('.')[1])}f}"
    assert re.search(r"«[^»]+ [+-]\d\.\d+»", text)
    assert text.count("head 1-2 ") == 2
    assert lines[-1].startswith("read 3 heads: 1-2, 0-3, 1-0; blocks, calibration ratio; a passage's tokens add up")
    assert all(len(line) <= 90 for line in lines[:-1])


def test_colours_in_a_terminal(headwise):
    (headwise.folder / "facts.txt").write_text(LINES)
    flags = ["--query", "who wrote Emma?", "--documents", "facts.txt", "--model", TINY]
    for extra, coloured in (({}, True), ({"COLORFGBG": "0;15"}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)):
        variables = {"TERM": "xterm-256color", "COLORFGBG": "", **extra}
        status, text = on_a_terminal(lambda terminal: headwise.start("explain", *flags, stdout=terminal, env=variables))
        assert status == 0
        assert (";48;5;" in text) == coloured and ("«" in text) != coloured
        assert ("\x1b[97;48;5;17m" in text) == (coloured and "COLORFGBG" not in extra)  # the palest blue of dark terminals
        assert "\x1b[31m" not in text  # the passage's own


def test_one_query_of_a_data_set(headwise, collection):
    flags = [*collection[:4], "--model", str(TINY)]
    one = json.loads(headwise.ok("explain", *flags, "--query-id", "q2", "--depth", "3", "--json", "--fuse", "0.5"))
    assert one["query_id"] == "q2" and one["query"] == "what is glass made of?"
    assert sorted(p["id"] for p in one["passages"]) == ["d2", "d3", "d4"]
    ranked = headwise.ok("rerank", *flags, "--depth", "3", "--format", "jsonl", "--fuse", "0.5").splitlines()[2]
    assert [(hit["id"], hit["score"]) for hit in json.loads(ranked)["results"]] == [(p["id"], p["score"]) for p in one["passages"]]


def test_one_query_of_a_file_with_its_own_texts(headwise, tmp_path):
    requests = [{"query": {"qid": f"q{i}", "text": f"question {i}"},
                 "candidates": [{"docid": f"d{i}-{j}", "score": 2.0 - j, "doc": {"text": f"text {i} and {j}"}} for j in range(2)]}
                for i in range(3)]
    (tmp_path / "requests.jsonl").write_text("".join(json.dumps(request) + "\n" for request in requests))
    one = json.loads(headwise.ok("explain", "--run", "requests.jsonl", "--query-id", "q1", "--model", TINY, "--json"))
    assert one["query"] == "question 1" and sorted(p["text"] for p in one["passages"]) == ["text 1 and 0", "text 1 and 1"]


@pytest.mark.parametrize("status, flags, stdin, messages", [
    (2, [], "", ["nothing to explain", "--query"]),
    (2, ["--documents", "-"], LINES, ["--documents needs --query"]),
    (2, ["--query", "a"], LINES, ["--documents FILE"]),
    (2, ["--query", "a", "--documents", "-", "--query-id", "7"], LINES, ["give one of the two"]),
    (2, ["--dataset", "set", "--query-id", "7"], "", ["needs --run"]),
    (2, ["--dataset", "set", "--run", "set/run.trec"], "", ["--query-id"]),
    (3, ["--query", "", "--documents", "-"], LINES, ["the query is empty"]),
    (3, ["--query", b"caf\xe9", "--documents", "-"], LINES, ["--query is not UTF-8", "byte 3"]),
    (3, ["--query", "a", "--documents", "-"], "", ["no passages"]),
    (3, ["--query", "a", "--documents", "nowhere.txt"], "", ["nowhere.txt"]),
    (2, ["--query", "a", "--documents", "-", "--heads", "5-1"], LINES, ["head 5-1 is not in this model", "0..1"]),
    (2, ["--query", "a", "--documents", "-", "--calibration", "ratio", "--filter-after-sum"], LINES, ["--calibration na"]),
    (2, ["--query", "a", "--documents", "-", "--fuse", "0.7"], LINES, ["--fuse needs the first stage's score"]),
    (5, ["--query", "a", "--documents", "-", "--max-prompt-tokens", "130"], LINES, ["passages fit"]),
])
def test_bad_input(headwise, status, flags, stdin, messages):
    flags = [os.fsdecode(flag) if isinstance(flag, bytes) else flag for flag in flags]
    stderr = headwise.fails(status, "explain", "--model", TINY, "--report", "page.html", *flags, stdin=stdin)
    for message in messages:
        assert message in stderr
    assert list(headwise.folder.iterdir()) == []


def test_queries_that_the_run_lacks(headwise, collection):
    flags = [*collection[:4], "--model", TINY, "--report", "page.html"]
    assert "has no query 'nobody' among its 7; its first is 'q0'" in headwise.fails(3, "explain", *flags, "--query-id", "nobody")
    assert "did you mean 'q" in headwise.fails(3, "explain", *flags, "--query-id", "q9")
    assert [path.name for path in headwise.folder.iterdir()] == ["set"]


def test_reports_that_cannot_be_written(headwise, tmp_path):
    (tmp_path / "folder").mkdir()
    assert "--report 'folder' is a folder" in headwise.fails(2, "explain", *ASK, "--report", "folder", stdin=LINES)
    assert "not a regular file" in headwise.fails(2, "explain", *ASK, "--report", "/dev/null", stdin=LINES)
    assert "nowhere" in headwise.fails(3, "explain", *ASK, "--report", "nowhere/page.html", stdin=LINES)
