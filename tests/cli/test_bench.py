# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`bench`: that its figures are there and agree with each other, not that they are high."""
import json

import pytest

pytestmark = pytest.mark.usefixtures("tiny")

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
    assert report["peak_megabytes"] > 20


def test_the_report_for_people_and_own_requests(headwise, tmp_path):
    (tmp_path / "p.txt").write_text("a cat\na dog\n")
    text = headwise.ok("bench", "--query", "q", "--documents", "p.txt", "--repeat", "1", "--triad-megabytes", "30", "--quiet")
    assert "2 passages" in text and "tokens/s" in text and "% of the fp32 bound" in text


def test_documents_need_a_query(headwise):
    assert "--documents needs --query" in headwise.fails(2, "bench", "--documents", "p.txt")
