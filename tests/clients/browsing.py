# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The page in headless Chromium, for the tests of it: a browser, a page that is watched, what its ranking says, and what axe
(the accessibility checker) finds wrong with what is shown."""
import shutil

import pytest
from where import ROOT

SHOTS = ROOT / "build" / "screenshots"


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    program = shutil.which("chromium")
    if program is None:
        pytest.skip("chromium is missing; run scripts/setup clients")
    SHOTS.mkdir(parents=True, exist_ok=True)
    with playwright.sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser):
    """Opens the page; at the end nothing may have gone wrong in it, and it may have asked this server alone."""
    contexts, problems = [], []

    def opened(server, path="/", **options):
        context = browser.new_context(viewport={"width": 1280, "height": 1000}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(120_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
        page.on("request", lambda request: problems.append(request.url) if not request.url.startswith((server.url, "data:")) else None)
        page.goto(server.url + path)
        return page

    opened.problems = problems
    yield opened
    for context in contexts:
        context.close()
    assert problems == []


def ranked(page):
    """Titles in their order."""
    page.wait_for_selector("#status:empty", state="attached")
    page.wait_for_selector("#answer", state="visible")
    return page.locator("#ranking .title").evaluate_all("list => list.map(each => each.firstChild.textContent)")


def violations(page):
    """Each rule that the page breaks as it is now, with the first element that does."""
    from axe_playwright_python.sync_playwright import Axe
    found = Axe().run(page).response["violations"]
    return [(rule["id"], rule["nodes"][0]["html"][:200], rule["nodes"][0].get("failureSummary", "")) for rule in found]
