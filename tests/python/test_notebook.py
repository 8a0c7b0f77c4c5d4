# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What notebooks show of rankings and explanations: sound HTML, all text escaped and whole, no colour for text or page."""
import re
from html.parser import HTMLParser

import headwise
import pytest
from conftest import FACTS
from headwise._results import Window

NASTY = '</span><script>alert("1")</script> & "quotes" 漢字 🐝 naïve'


class Text(HTMLParser):
    """Checks that tags are closed in order; keeps text and tags."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.tags, self.text, self.styles, self.cells, self.unfinished = [], set(), "", [], [], []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        if tag == "br":
            return
        self.open.append(tag)
        self.tags.add(tag)
        self.styles.append(dict(attrs).get("style") or "")
        if tag in ("td", "div"):
            self.unfinished.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag
        if tag in ("td", "div"):
            self.cells.append(self.unfinished.pop())

    def handle_data(self, data):
        self.text += data
        if self.unfinished:
            self.unfinished[-1] += data


def check(page: str) -> Text:
    read = Text(page)
    assert "script" not in read.tags and "style" not in read.tags and "http" not in page
    for style in read.styles:  # the notebook's own colours of text and page shine through
        assert not re.search(r"(?<![\w-])color:", style)
        for value in re.findall(r"background: ([^;]*)", style):
            assert value.startswith("rgba(") or "height: 6px" in style
    return read


def test_ranking(reranker):
    documents = [(f"<b>{place}</b>", f"Title & {place}", fact) for place, fact in enumerate(FACTS)] + [("nasty", NASTY)]
    ranking = reranker.rank("who wrote Emma?", documents)
    read = check(ranking._repr_html_())
    assert all(text in read.text for text in (*FACTS, NASTY, "<b>3</b>", "Title & 3"))
    assert read.text.index(ranking[0].text) < read.text.index(ranking[-1].text)
    assert f"{ranking[0].score:.4f}" in read.text
    assert "no passages" in type(ranking)([], [], {})._repr_html_()


def test_long_rankings_are_cut_with_a_word(reranker):
    ranking = reranker.rank("who wrote Emma?", [f"passage {place}" for place in range(25)] + ["long " * 400])
    read = check(ranking._repr_html_())
    assert "and 6 more" in read.text and "long " * 100 not in read.text


def test_what_was_not_read_is_said():
    hits = [headwise.Hit(0, "a", 2.0, 1, "a long text", truncated=True),
            headwise.Hit(1, "b", 1.0, 2, "a longer one", window=Window(1, 3, 0, 5)),
            headwise.Hit(2, "c", 0.5, 3, "the longest", truncated=True, window=Window(0, 32, 0, 5)),
            headwise.Hit(3, "d", 0.0, 4, "", empty=True), headwise.Hit(4, "e", -1.0, 5, "plain")]
    said = check(headwise.Ranking(hits, [], {})._repr_html_()).text
    for words in ("a long textcut: its end was not read", "read in 3 windows; the score is that of number 2",
                  "read in 32 windows; the score is that of number 1, and its end was not read", "nothing to read in it"):
        assert words in said
    assert said.endswith("plain")


def test_ids_that_are_no_text(reranker):
    assert "?" in check(reranker.rank("q", [("a\ud800b", "text")])._repr_html_()).text


@pytest.mark.parametrize("text", [NASTY, "Emma is a novel by Jane Austen;\n\nnaïve 漢字 🐝🐝 too.", "x"])
def test_explanation(reranker, text):
    explanation = reranker.explain("who wrote Emma?", [FACTS[0], ("e<i>", "Émile", text)])
    read = check(explanation._repr_html_())
    for passage in explanation.passages:
        assert passage.text in read.cells  # whole, each character once
    assert "e<i>" in read.text
    shades = [float(value) for style in read.styles for value in re.findall(r"rgba\([\d, ]+, ([\d.]+)\)", style)]
    assert max(shades) == pytest.approx(0.6) and len(shades) > 4
