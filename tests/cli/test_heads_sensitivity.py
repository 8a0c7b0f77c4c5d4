# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`heads sensitivity`: a budget file and its page; resumed; refused where nothing can be kept."""
import json
import signal
import subprocess

import pytest
from conftest import stop, wait_for

pytestmark = pytest.mark.usefixtures("tiny")


def measure(headwise, collection, *flags):
    return headwise.ok("heads", "sensitivity", *collection, "--output", "budget.json", *flags)


def test_a_budget_file_and_its_page(headwise, collection, tmp_path):
    measure(headwise, collection, "--report", "page.html", "--kept", "0.25", "0.9")
    file = json.loads((tmp_path / "budget.json").read_text())
    assert (file["format"], file["version"], file["queries"], file["kept"]) == ("headwise keep budget", 1, 7, [0.25, 0.9])
    assert len(file["sensitivity"]) == 2 == len(file["losses"]) == len(file["losses"][0])  # heads 0..1: two layers
    for layer, mean in enumerate(file["sensitivity"]):
        assert mean == pytest.approx((file["losses"][0][layer] + file["losses"][1][layer]) / 2)
    assert all(0 <= loss <= 2 for losses in file["losses"] for loss in losses)
    assert max(file["losses"][0]) > 0, "a quarter of the tokens orders some query otherwise"
    page = (tmp_path / "page.html").read_text()
    assert page.count("<polyline") == 3 and "kept 25 %" in page and "7 queries" in page
    assert not (tmp_path / "budget.json.partial").exists()


def test_what_was_stopped_goes_on_to_the_same_file(headwise, collection, tmp_path):
    measure(headwise, collection)
    whole = (tmp_path / "budget.json").read_bytes()
    (tmp_path / "budget.json").unlink()
    command = [str(headwise.binary), "heads", "sensitivity", *collection, "--output", "budget.json"]
    process = subprocess.Popen(command, cwd=tmp_path, env=headwise.environment(), stderr=subprocess.PIPE)
    partial = tmp_path / "budget.json.partial"
    wait_for(lambda: process.poll() is not None or partial.exists() and partial.read_bytes().count(b"\n") > 2)
    stop(process, signal.SIGKILL)
    measure(headwise, collection)
    assert (tmp_path / "budget.json").read_bytes() == whole


def test_other_settings_and_lists_are_refused(headwise, collection):
    refused = headwise.fails(2, "heads", "sensitivity", *collection, "--output", "b.json", "--encoding", "list")
    assert "--encoding blocks" in refused
    assert "every, received or norm" in headwise.fails(2, "heads", "sensitivity", *collection, "--output", "b.json", "--tokens", "some")
    assert "from 1/32 to 1" in headwise.fails(2, "heads", "sensitivity", *collection, "--output", "b.json", "--kept", "0.01")
    assert "--output" in headwise.fails(2, "heads", "sensitivity", *collection)
