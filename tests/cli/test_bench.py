# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`bench`: that its figures are there and agree with each other, not that they are high."""
import json

import pytest

pytestmark = pytest.mark.usefixtures("model")

SMALL = ["bench", "--passages", "3", "--words", "20", "--repeat", "3", "--triad-megabytes", "30"]


def test_figures_agree(headwise):
    report = json.loads(headwise.ok(*SMALL, "--threads", "1", "--json"))
    assert report["machine"]["threads"] == 1
    assert report["bounds"]["fp32_gflops"] >= max(1, report["bounds"]["fp32_gflops_before"])
    assert report["bounds"]["triad_gb_per_s"] > 0.1
    seconds = report["seconds"]
    assert len(seconds["all"]) == 3 and seconds["median"] == seconds["all"][1] >= seconds["fastest"] > 0
    tokens = report["request"]["prompt_tokens"]
    assert report["tokens_per_s"] == pytest.approx(tokens / seconds["median"])
    work = report["work"]
    assert work["gflop"] == pytest.approx(work["linear_gflop"] + work["attention_gflop"])
    assert work["gflops"] == pytest.approx(work["gflop"] / seconds["median"])
    assert 0 < work["share_of_bound"] < 1
    assert sum(report["stages"].values()) <= seconds["all"][-1] * 1.01
    assert report["peak_megabytes"] > 50


def test_work_is_counted_from_the_models_shape(headwise):
    """SmolLM2-135M: 30 layers of 576 x (2 x 576 + 2 x 192 + 3 x 1536) weights; two operations each for every token."""
    whole = json.loads(headwise.ok(*SMALL, "--full-depth", "--json"))
    layer = 576 * (2 * 576 + 2 * 192 + 3 * 1536)
    tokens = whole["request"]["prompt_tokens"]
    assert whole["work"]["linear_gflop"] == pytest.approx(2 * tokens * 30 * layer * 1e-9)
    few = json.loads(headwise.ok(*SMALL, "--heads", "9-0", "--json"))
    assert few["request"]["layers_run"] == 10
    assert few["work"]["linear_gflop"] == pytest.approx(2 * tokens * (9 * layer + 576 * 192) * 1e-9)


def test_the_report_for_people_and_own_requests(headwise, tmp_path):
    (tmp_path / "p.txt").write_text("a cat\na dog\n")
    text = headwise.ok("bench", "--query", "q", "--documents", "p.txt", "--repeat", "1", "--triad-megabytes", "30", "--quiet")
    assert "2 passages" in text and "tokens/s" in text and "% of the bound" in text


def test_documents_need_a_query(headwise):
    assert "--documents needs --query" in headwise.fails(2, "bench", "--documents", "p.txt")
