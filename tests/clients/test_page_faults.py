# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the page says when things go wrong or change under it: a server that is gone, answers that are cut off, lines that are no
JSON, a ranking that the form no longer asks for, a request that is stopped; and that all of it can be read by everybody."""
import json
import re
import shlex
import subprocess

import pytest
from browsing import SHOTS, ranked, violations
from conftest import ROOT, Server

LINES = "The Moon circles the Earth.\nEmma is a novel by Jane Austen."


@pytest.fixture(scope="module")
def tiny():
    with Server() as running:
        yield running


def fill(page, query="who wrote Emma?", passages=LINES):
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    page.fill("#query", query)
    page.fill("#passages", passages)


def status(page):
    page.wait_for_selector("#status.bad")
    return page.locator("#status").text_content()


def test_server_gone_and_back(open_page):
    with Server() as passing:
        page = open_page(passing)
        fill(page)
        page.click("#rank")
        assert len(ranked(page)) == 2
        port = passing.port
    page.fill("#query", "where is the Moon?")
    page.click("#rank")
    said = status(page)
    assert "does not answer" in said and f":{port}" in said and "headwise serve" in said
    # The ranking from before is still there, and says that it is not an answer to this question.
    assert page.locator("#ranking li").count() == 2 and page.locator("#stale").is_visible()
    assert page.locator("#rank").is_visible() and not page.locator("#stop").is_visible()
    with Server(port=port):
        page.click("#rank")
        assert len(ranked(page)) == 2
        assert not page.locator("#stale").is_visible()
    open_page.problems[:] = [problem for problem in open_page.problems if "ERR_CONNECTION" not in problem]


@pytest.mark.parametrize("answer, says", [
    ({"status": 200, "body": '{"queries": [{"resul', "content_type": "application/json"}, "is no JSON: it was cut off"),
    ({"status": 502, "body": "<html>Bad Gateway</html>", "content_type": "text/html"}, "The server answered 502"),
    ({"status": 429, "body": '{"message": "64 requests wait already"}', "headers": {"Retry-After": "7"}}, "64 requests wait already (in 7 s)"),
])
def test_answers_that_are_none(tiny, open_page, answer, says):
    page = open_page(tiny)
    fill(page)
    page.route("**/v1/headwise/rerank", lambda route: route.fulfill(**answer))
    page.click("#rank")
    assert says in status(page)
    assert page.locator("#rank").is_visible()
    open_page.problems[:] = [problem for problem in open_page.problems if "the server responded with a status" not in problem]


@pytest.mark.parametrize("passages, says, chosen", [
    ('{"text": "Emma is a novel."}\n{"text": "The Moon circles}', "Line 2 of the passages begins like a JSON object and is none", '{"text": "The Moon circles}'),
    ('\n{"txt": "Emma", "year": 1815}', 'Line 2 of the passages has no "text" (it has txt, year)', '{"txt": "Emma", "year": 1815}'),
    ('plain\n{"text": 5}', "Line 2 of the passages has a text that is no string", '{"text": 5}'),
    ('[{"text": "Emma"}, 7]', "Line 2 of the passages is no object with a text", '[{"text": "Emma"}, 7]'),
])
def test_a_broken_line_is_named_and_chosen(tiny, open_page, passages, says, chosen):
    page = open_page(tiny)
    fill(page, passages=passages)
    page.click("#rank")
    assert says in status(page)
    assert page.evaluate("const box = document.getElementById('passages'); box.value.slice(box.selectionStart, box.selectionEnd)") == chosen
    assert page.evaluate("document.activeElement.id") == "passages" and not page.locator("#answer").is_visible()


@pytest.mark.parametrize("passages, titles", [
    ('[{"text": "Emma", "title": "A"}, {"id": "c", "_id": "b", "contents": "Moon"}, "bees"]', {"A", "b", "Passage 3"}),
    ('{"page_content": "Emma", "Title": "A"}\n{"text": null, "body": "Moon", "docno": "m"}', {"A", "m"}),
    ('{"Title": "A"}\n{"text": null, "id": "b"}\n{"text": "Emma", "id": "c", "title": null}', {"A", "b", "c"}),
    ('[{"title": "A", "text": null}, {"BODY": null, "id": "b"}, "Emma"]', {"A", "b", "Passage 3"}),
    ("{x | x > 0} is a set\n[1] is a reference\n{\"text\": \"Emma\", \"id\": 7}", {"Passage 1", "Passage 2", "7"}),
])
def test_what_is_json_and_what_only_looks_like_it(tiny, open_page, passages, titles):
    page = open_page(tiny)
    fill(page, passages=passages)
    page.click("#rank")
    assert set(ranked(page)) == titles


def test_names_are_those_of_every_reader():
    """One table of names: what web/passages.js has beside src/formats/record_names.cc is the same in the same order."""
    engine = re.findall(r'\{"(\w+)", RecordMember::k(\w+)\}', (ROOT / "src/formats/record_names.cc").read_text())
    page = dict(re.findall(r"^  (\w+): \[(.*)\],$", (ROOT / "web/passages.js").read_text(), re.MULTILINE))
    for member in ("id", "title", "text"):
        assert json.loads(f"[{page[member]}]") == [name for name, kind in engine if kind.lower() == member]


def test_a_stale_ranking_says_so(tiny, open_page):
    page = open_page(tiny, color_scheme="dark")
    fill(page)
    page.click("#rank")
    ranked(page)
    stale = page.locator("#stale")
    assert not stale.is_visible()
    for change, back in ((lambda: page.fill("#query", "where is the Moon?"), lambda: page.fill("#query", "who wrote Emma?")),
                         (lambda: page.fill("#passages", LINES + "\nBees dance."), lambda: page.fill("#passages", LINES)),
                         (lambda: page.select_option("#encoding", "list"), lambda: page.select_option("#encoding", "")),
                         (lambda: page.select_option("#heads", "all"), lambda: page.select_option("#heads", "")),
                         (lambda: page.fill("#query", ""), lambda: page.fill("#query", "who wrote Emma?"))):
        change()
        assert stale.is_visible()
        back()
        assert not stale.is_visible()
    page.fill("#passages", LINES + "\nBees dance.")
    assert violations(page) == []
    page.screenshot(path=SHOTS / "stale.png", full_page=True)
    page.click("#rank")
    assert len(ranked(page)) == 3 and not stale.is_visible()


@pytest.mark.parametrize("stop", [lambda page: page.click("#stop"), lambda page: page.keyboard.press("Escape")], ids=["button", "Escape"])
def test_stop(tiny, open_page, stop):
    """The request is held on its way, so that there is time to stop it; that a server stops for a client that goes away is
    tried in tests/server."""
    page = open_page(tiny)
    fill(page)
    held = []
    page.route("**/v1/headwise/rerank", lambda route: held.append(route))
    page.focus("#rank")
    page.keyboard.press("Enter")
    page.wait_for_selector("#stop", state="visible")
    assert not page.locator("#rank").is_visible() and page.evaluate("document.activeElement.id") == "stop"
    stop(page)
    page.wait_for_selector("#status:has-text('Stopped.')")
    assert page.locator("#rank").is_visible() and page.evaluate("document.activeElement.id") == "rank"
    assert len(held) == 1 and held[0].request.failure and not page.locator("#status.bad").count()
    page.unroute("**/v1/headwise/rerank")
    page.click("#rank")
    assert len(ranked(page)) == 2


def test_copy_as_curl(open_page):
    with Server("--api-key", "s3cret") as locked:
        page = open_page(locked, permissions=["clipboard-read", "clipboard-write"])
        page.wait_for_selector("#key", state="visible")
        page.fill("#key", "s3cret")
        page.press("#key", "Tab")
        fill(page, query="who wrote Emma's \"sequel\" & $HOME?", passages="it's `here`\n{\"text\": \"\\\\n 漢字 🐝\"}")
        page.select_option("#encoding", "list")
        page.click("#curl")
        page.wait_for_selector("#status:has-text('Copied')")
        line = page.evaluate("navigator.clipboard.readText()")
        assert "s3cret" not in line and shlex.split(line)[0] == "curl"
        done = subprocess.run(["sh", "-c", line], env={"HEADWISE_API_KEY": "s3cret", "PATH": "/usr/bin:/bin"}, capture_output=True, check=True)
        page.click("#rank")
        ranked(page)
        scores = page.locator("#ranking .score").all_text_contents()
        answer = json.loads(done.stdout)["queries"][0]["results"]
        assert [f"{hit['relevance_score']:.4f}" for hit in answer] == scores
    open_page.problems[:] = [problem for problem in open_page.problems if "401" not in problem]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_read_it(server, open_page, question, passages, scheme, width):
    page = open_page(server, color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 844})
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    assert violations(page) == []
    page.select_option("#demo", index=1)
    ranked(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert violations(page) == []
    page.screenshot(path=SHOTS / f"{scheme}-{width}.png", full_page=True)
    # The heads are near the top: on a phone before the ranking, beside it elsewhere.
    top = {name: page.locator(name).bounding_box()["y"] for name in ("#head-map", "#ranking", "#timings")}
    if width == 390:
        assert top["#head-map"] < top["#ranking"] < top["#timings"] and top["#ranking"] - top["#head-map"] < 450
    else:
        assert abs(top["#head-map"] - top["#ranking"]) < 120
    page.select_option("#heads", "*own*")
    page.fill("#own-heads", "99-99")
    page.click("#rank")
    assert "99-99" in status(page)
    assert violations(page) == []
    open_page.problems[:] = [problem for problem in open_page.problems if "400" not in problem]
