# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`--keep-memory`, `--keep` and what goes with them: a stream of queries has the scores that it has without, and what
contradicts itself is refused with the reason."""
import json
import re

import pytest
from where import FACTS, TINY

QUERIES = ["who wrote Emma?", "what is glass made of?", "who wrote Emma?"]
STREAM = "".join(json.dumps({"query": query, "documents": FACTS[place:]}) + "\n" for place, query in enumerate(QUERIES))


def ranked(headwise, *flags):
    return [json.loads(line) for line in headwise.ok("rerank", "--model", TINY, "--json", *flags, stdin=STREAM).splitlines()]


@pytest.mark.parametrize("template", ["blocks", "blocks-short"])
def test_a_stream_keeps_and_its_scores_stay(headwise, tmp_path, template):
    plain = ranked(headwise, "--template", template)
    for place, flags in enumerate((["--keep-memory", "64M"], ["--keep", tmp_path / "kept"], ["--keep", tmp_path / "kept"])):
        kept = ranked(headwise, "--template", template, *flags)
        assert [answer["results"] for answer in kept] == [answer["results"] for answer in plain]
        first = len(FACTS) if place == 2 else 0  # a folder lasts
        expected = [first, len(FACTS) - 1, len(FACTS) - 2]
        assert [answer["statistics"]["passages_kept"] for answer in kept] == expected
        assert all(a["statistics"]["tokens_run"] < b["statistics"]["tokens_run"] for a, b in zip(kept[1:], plain[1:], strict=True))


def test_the_page_and_the_table_say_what_was_kept(headwise, tmp_path):
    documents = tmp_path / "facts.txt"
    documents.write_text("\n".join(FACTS) + "\n")
    ask = ["--model", TINY, "--query", QUERIES[0], "--documents", documents, "--keep", tmp_path / "kept"]
    assert "kept" not in headwise.ok("rerank", *ask)
    assert re.search(rf"{len(FACTS)} passages were kept, \d+ tokens run", headwise.ok("rerank", *ask))
    headwise.ok("explain", *ask, "--report", tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert re.search(rf"passages kept</span><b>{len(FACTS)}</b>", page) and "tokens run</span>" in page


@pytest.mark.parametrize("flags, reason", [
    (["--keep-memory", "1G", "--encoding", "list"], "each passage sees the ones before it"),
    (["--keep", "kept", "--encoding", "list"], "each passage sees the ones before it"),
    (["--keep-type", "int8"], "add --keep-memory 1GiB or --keep DIR"),
    (["--keep-budget", "0.5", "--encoding", "list"], "each passage sees the ones before it"),
    (["--keep-memory", "1G", "--keep-second-sight"], "add --keep DIR"),
    (["--keep-memory", "1G", "--keep-budget", "2"], "B from 1/32 to 1"),
    (["--keep-memory", "1GB"], "bytes, such as 1GiB"),
])
def test_contradictions_are_refused_with_the_reason(headwise, flags, reason):
    assert reason in headwise.fails(2, "rerank", "--model", TINY, *flags, stdin=STREAM)


JOIN = ["--keep-budget", "1,split=join:1"]


def test_a_budget_is_read_alike_whether_passages_are_kept_or_not(headwise, tmp_path):
    joined = [answer["results"] for answer in ranked(headwise, *JOIN)]
    assert joined != [answer["results"] for answer in ranked(headwise)]
    for place in (["--keep-memory", "64M"], ["--keep", tmp_path / "kept"]):
        assert [answer["results"] for answer in ranked(headwise, *JOIN, *place)] == joined


def test_a_head_set_says_its_budget(headwise, tmp_path):
    heads = tmp_path / "heads.json"
    model = json.loads(headwise.ok("inspect", "--model", TINY, "--json"))["fingerprint"]
    heads.write_text(json.dumps({"format": "headwise head set", "version": 1, "model": model, "heads": ["1-0", "1-1"], "encoding": "blocks",
                                 "keep_budget": "1,split=join:1"}))

    def results(heads, *flags):
        return [answer["results"] for answer in ranked(headwise, "--heads", heads, *flags)]

    assert results(heads) == results("1-0,1-1", *JOIN) != results("1-0,1-1")
    assert results(heads, "--keep-budget", "1") == results("1-0,1-1")
    assert results(heads, "--encoding", "list") == results("1-0,1-1", "--encoding", "list")  # where it means nothing
    heads.write_text(heads.read_text().replace("join:1", "every"))
    refused = headwise.fails(3, "rerank", "--model", TINY, "--heads", heads, stdin=STREAM)
    assert "says '1,split=every', which --keep-budget does not know" in refused
