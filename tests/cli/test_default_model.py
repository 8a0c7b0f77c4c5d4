# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the default model alone can show: its order, its shipped heads and adapter, its shape in `bench`, `inspect` and
`explain`. Everything else about the verbs is asked of a tiny model."""
import json
import re

import pytest
from where import FACTS

pytestmark = pytest.mark.usefixtures("model")

QUERY = ["rerank", "--query", "who wrote Emma?"]
BENCH = ["bench", "--passages", "3", "--words", "20", "--repeat", "3", "--triad-megabytes", "30"]
LINES = "\n".join(FACTS) + "\n"


def results(stdout: str) -> list[dict]:
    return json.loads(stdout)["results"]


def test_one_query_finds_the_answer(headwise):
    answer = json.loads(headwise.ok(*QUERY, "--documents", "-", "--json", stdin=LINES))
    assert answer["query"] == "who wrote Emma?" and answer["query_id"] == "1"
    hits = answer["results"]
    assert hits[0]["id"] == "2"  # the line about Jane Austen
    assert sorted(hit["index"] for hit in hits) == list(range(len(FACTS)))
    assert [hit["rank"] for hit in hits] == list(range(1, len(FACTS) + 1))
    scores = [hit["score"] for hit in hits]
    assert scores == sorted(scores, reverse=True) and len(set(scores)) == len(scores)
    statistics = answer["statistics"]
    assert statistics["heads_read"] == 42 and statistics["layers_run"] == 19 and statistics["prompt_tokens"] > 60


def test_the_shipped_heads_give_way_to_another_reading(headwise):
    """Another encoding or calibration than the set was found for reads every head, unless the set is asked for by name."""
    def heads_read(*flags):
        return json.loads(headwise.ok(*QUERY, "--documents", "-", "--json", *flags, stdin=LINES))["statistics"]["heads_read"]
    assert heads_read("--heads", "default", "--encoding", "blocks", "--calibration", "na") == 42
    assert heads_read("--adapter", "none") == 32
    for other in (["--calibration", "ratio"], ["--encoding", "list"], ["--rows", "query"], ["--token-filter", "none"],
                  ["--heads", "all"]):
        assert heads_read(*other) == 270, other
    assert heads_read("--heads", "smollm2-135m-instruct", "--calibration", "ratio") == 32


def test_the_table_names_the_shipped_heads(headwise):
    table = headwise.ok(*QUERY, "--documents", "-", stdin=LINES, env={"COLUMNS": "80"})
    lines = table.splitlines()
    assert lines[0] == "who wrote Emma?"
    assert re.match(r"   1    2  ▲1 +-?[\d.]+  █+ +\[2\] Emma is a novel", lines[2]), lines[2]
    assert "read the shipped 42 heads of layers 2-18; 19 layers run;" in lines[-1] and "tokens/s" in lines[-1]
    assert len(lines) == 2 + len(FACTS) + 1
    assert all(len(line) <= 80 for line in lines[:-1])
    assert "\x1b" not in table  # not a terminal


def test_work_is_counted_from_the_models_shape(headwise):
    """SmolLM2-135M: 30 layers of 576 x (2 x 576 + 2 x 192 + 3 x 1536) weights; two operations each for every token."""
    whole = json.loads(headwise.ok(*BENCH, "--full-depth", "--json"))
    layer = 576 * (2 * 576 + 2 * 192 + 3 * 1536)
    tokens = whole["request"]["prompt_tokens"]
    assert whole["work"]["linear_gflop"] == pytest.approx(2 * tokens * 30 * layer * 1e-9)
    few = json.loads(headwise.ok(*BENCH, "--heads", "9-0", "--json"))
    assert few["request"]["layers_run"] == 10
    tokens = few["request"]["prompt_tokens"]  # of another template than the shipped heads'
    assert few["work"]["linear_gflop"] == pytest.approx(2 * tokens * (9 * layer + 576 * 192) * 1e-9)
