# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The page in headless Chromium: rank, explain, switch heads and encoding, by keyboard, light and dark. Screenshots are kept in
build/screenshots for people to look at."""
import json
import re

import pytest
from browsing import SHOTS, ranked
from conftest import ROOT, Server

@pytest.fixture(scope="module")
def demo_order(server, question):
    documents = [json.loads(line) for line in (ROOT / "examples/demo/venus.jsonl").read_text().splitlines()]
    answer = server.post("/v1/headwise/rerank", {"query": question, "documents": documents}).json
    return [documents[hit["index"]]["title"] for hit in answer["queries"][0]["results"]]


def test_rank_explain_and_switch(server, open_page, demo_order):
    page = open_page(server, color_scheme="light")
    page.wait_for_selector("#demo option:nth-child(2)", state="attached")
    page.select_option("#demo", index=1)
    assert ranked(page) == demo_order
    page.screenshot(path=SHOTS / "light.png", full_page=True)

    # Tokens are shaded, the best passage has all its text, the picture has every head and the read ones stand out.
    shaded = page.locator("#ranking li:first-child .t").evaluate_all("list => list.filter(each => each.style.backgroundColor).length")
    assert shaded > 5
    text = page.locator("#ranking li:first-child .text").text_content()
    assert demo_order[0] in text
    assert page.locator("#head-map rect").count() == 270 and page.locator("#head-map rect.read").count() == 42
    assert "through the model" in page.locator("#timings").text_content()

    # One head alone: the shades change, and choosing it again gives the sum back.
    before = page.locator("#ranking li:first-child .text").inner_html()
    head = page.locator("#head-map rect[data-head]").nth(5)
    name = head.get_attribute("data-head")
    head.click()
    assert name in page.locator("#head-chosen").text_content()
    assert page.locator("#ranking li:first-child .text").inner_html() != before
    page.screenshot(path=SHOTS / "one-head.png", full_page=True)
    page.locator(f'#head-map rect[data-head="{name}"]').click()
    assert page.locator("#ranking li:first-child .text").inner_html() == before

    # Another head set and encoding.
    page.select_option("#heads", "all")
    page.select_option("#encoding", "list")
    page.click("button[type=submit]")
    assert sorted(ranked(page)) == sorted(demo_order)
    assert page.locator("#head-map rect.read").count() == 270
    page.screenshot(path=SHOTS / "all-heads.png", full_page=True)
    page.select_option("#heads", "*own*")
    page.fill("#own-heads", "13-5,14-2")
    page.click("button[type=submit]")
    ranked(page)
    assert page.locator("#head-map rect.read").count() == 2


def test_by_keyboard_alone_in_the_dark(server, open_page):
    page = open_page(server, color_scheme="dark")
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    page.focus("#query")
    page.keyboard.type("who wrote Emma?")
    page.keyboard.press("Tab")  # the demo's list
    page.keyboard.press("Tab")
    page.keyboard.type("The Moon circles the Earth.\nEmma is a novel by Jane Austen.\n<b>Bold</b> & <script>bees</script> dance: ünïcödé 🐝.")
    page.keyboard.press("Control+Enter")
    assert ranked(page)[0] == "Passage 2"
    assert "<b>Bold</b> & <script>bees</script> dance: ünïcödé 🐝." in page.locator("#ranking").text_content()
    for _ in range(12):  # to the picture
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.dataset && document.activeElement.dataset.head"):
            break
    first = page.evaluate("document.activeElement.dataset.head")
    assert first
    page.keyboard.press("ArrowDown")
    second = page.evaluate("document.activeElement.dataset.head")
    assert second != first
    page.keyboard.press("Enter")
    assert second in page.locator("#head-chosen").text_content()
    assert page.evaluate("document.activeElement.dataset.head") == second
    page.screenshot(path=SHOTS / "dark.png", full_page=True)


def test_search(open_page, tmp_path):
    (tmp_path / "facts.txt").write_text("The Moon circles the Earth.\nEmma is a novel by Jane Austen.\nNobody wrote a novel of the Moon.\n")
    with Server("--corpus", tmp_path / "facts.txt", model=None) as searching:
        page = open_page(searching, color_scheme="light")
        page.wait_for_selector("#source", state="visible")
        assert "3 documents" in page.locator("#source").text_content() and not page.locator("#passages").is_visible()
        page.fill("#query", "who wrote the novel Emma?")
        page.click("button[type=submit]")
        assert sorted(ranked(page)) == ["2", "3"]
        assert "Jane Austen" in page.locator("#ranking").text_content()
        assert page.locator("#ranking .t").evaluate_all("list => list.some(each => each.style.backgroundColor)")
        page.screenshot(path=SHOTS / "search.png", full_page=True)
        page.fill("#query", "zebra")
        page.click("button[type=submit]")
        page.wait_for_selector("#status:has-text('No document has a word')")
        page.select_option("#source", "")
        page.fill("#passages", "Zebras graze.\nEmma is a novel.")
        page.click("button[type=submit]")
        assert len(ranked(page)) == 2


def test_a_page_of_another_origin_asks(browser):
    """fetch() as somebody's own page does it: a preflight, a key, headers of the answer."""
    asking = """async ([url, key]) => {
        const headers = {"Content-Type": "application/json", "Authorization": "Bearer " + key, "X-Fern-SDK-Name": "a client"};
        const body = JSON.stringify({query: "which leaf?", documents: ["the lamp", "the tea leaf " + "and so on ".repeat(400)], max_tokens_per_doc: 20});
        const answer = await fetch(url + "/v1/rerank", {method: "POST", headers, body});
        return [answer.status, ...["X-Request-Id", "X-Score-Scale", "X-Truncated-Documents", "WWW-Authenticate"].map((name) => answer.headers.get(name))];
    }"""
    with Server() as elsewhere, Server("--cors", elsewhere.url, "--api-key", "s3cret") as server:
        page = browser.new_page()
        page.goto(elsewhere.url + "/health")  # a page with no policy of its own
        status, number, scale, cut, _ = page.evaluate(asking, [server.url, "s3cret"])
        assert status == 200 and re.fullmatch("[0-9a-f]{16}", number) and (scale, cut) == ("raw", "1")
        status, number, _, _, asked_for = page.evaluate(asking, [server.url, "wrong"])
        assert status == 401 and number and asked_for == "Bearer"
        page.close()


def test_kinds_of_scores_and_what_they_must_be(server, open_page, question, passages):
    page = open_page(server, color_scheme="light")
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    page.fill("#query", question)
    page.fill("#passages", "\n".join(passages))
    said = {}
    for kind in ("", "raw", "relevance", "softmax", "minmax"):
        page.select_option("#scale", kind)
        page.click("#rank")
        titles = ranked(page)
        scores = [float(score) for score in page.locator("#ranking .score").all_text_contents()]
        answer = server.post("/v1/headwise/rerank", {"query": question, "documents": passages, **({"score": kind} if kind else {})}).json["queries"][0]["results"]
        assert scores == [round(hit["relevance_score"], 4) for hit in answer], kind
        assert titles == [f"Passage {hit['index'] + 1}" for hit in answer]
        said[kind] = page.locator("#scores-note").text_content()
    assert len(set(said.values())) == 4 and said[""] == said["raw"] and "of this ranking alone" in said["raw"]

    page.fill("#min-score", "0.5")  # of minmax
    page.click("#rank")
    assert len(ranked(page)) == sum(hit["relevance_score"] >= 0.5 for hit in answer) < len(passages)
    page.select_option("#scale", "raw")  # minmax ends at 1, and more is refused
    page.fill("#min-score", "1000")
    assert page.locator("#stale").is_visible()
    page.click("#rank")
    page.wait_for_selector("#status:has-text('Nothing scores 1000 or more.')")
    assert not page.locator("#answer").is_visible()
    page.focus("#min-score")
    page.fill("#min-score", "")
    page.keyboard.type("1e")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("#status.bad:has-text('is no number')")


def test_an_instruction_of_ones_own(server, open_page):
    documents = ["Emma is a novel by Jane Austen.", "The Moon circles the Earth."]
    page = open_page(server, color_scheme="light")
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    page.fill("#query", "who wrote Emma?")
    page.fill("#passages", "\n".join(documents))
    page.click("#rank")
    ranked(page)
    plain = page.locator("#ranking .score").all_text_contents()
    page.fill("#instruction", "Find passages about astronomy.")
    assert page.locator("#stale").is_visible()
    page.keyboard.press("Enter")
    ranked(page)
    told = page.locator("#ranking .score").all_text_contents()
    assert told != plain
    answer = server.post("/v1/headwise/rerank", {"query": "who wrote Emma?", "documents": documents, "instruction": "Find passages about astronomy."}).json
    assert told == [f"{hit['relevance_score']:.4f}" for hit in answer["queries"][0]["results"]]
    page.screenshot(path=SHOTS / "instruction.png", full_page=True)


def test_narrow(server, open_page):
    page = open_page(server, color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 800})
    page.fill("#query", "who wrote Emma?")
    page.fill("#passages", "The Moon circles the Earth.\nEmma is a novel by Jane Austen.")
    page.click("button[type=submit]")
    ranked(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    page.screenshot(path=SHOTS / "narrow.png", full_page=True)


def test_errors_are_said(server, open_page):
    page = open_page(server)
    page.wait_for_selector("#heads option:nth-child(2)", state="attached")
    page.fill("#query", "who wrote Emma?")
    page.fill("#passages", "Emma is a novel by Jane Austen.")
    page.select_option("#heads", "*own*")
    page.fill("#own-heads", "99-99")
    page.click("button[type=submit]")
    page.wait_for_selector("#status.bad")
    assert "99-99" in page.locator("#status").text_content()
    open_page.problems[:] = [problem for problem in open_page.problems if "400" not in problem]


def test_key(open_page):
    with Server("--api-key", "s3cret") as locked:
        page = open_page(locked)
        page.wait_for_selector("#key", state="visible")
        page.fill("#key", "s3cret")
        page.press("#key", "Tab")
        page.wait_for_selector("#model:has-text('tiny')")
        page.fill("#query", "which leaf?")
        page.fill("#passages", "the lamp\nthe tea leaf")
        page.click("button[type=submit]")
        assert len(ranked(page)) == 2
    open_page.problems[:] = [problem for problem in open_page.problems if "401" not in problem]


def test_adapter(open_page):
    models = ROOT / "tests" / "data"
    with Server("--adapter", models / "adapters" / "lora", model=models / "golden" / "models" / "tiny-llama-linear") as adapted:
        page = open_page(adapted)
        page.wait_for_selector("#adapter", state="visible")
        page.fill("#query", "which leaf?")
        page.fill("#passages", "the lamp\nthe tea leaf")
        scores = []
        for adapter in ("lora", "none"):
            page.select_option("#adapter", adapter)
            page.click("button[type=submit]")
            ranked(page)
            scores.append(page.locator("#ranking .score").all_text_contents())
        assert scores[0] != scores[1]


def test_docs(server, open_page):
    page = open_page(server, "/docs")
    page.wait_for_selector("details")
    page.click("summary:has-text('/v2/rerank')")
    assert re.search(r"curl http\S+/v2/rerank", page.locator("details[open]").text_content())
    page.screenshot(path=SHOTS / "docs.png", full_page=True)
