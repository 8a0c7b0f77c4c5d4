# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""build_passages is `headwise passages build`: one reads what the other keeps, and rankings have the same scores."""
import json
import subprocess

import headwise
import pytest
from conftest import ENVIRONMENT, FACTS
from where import TINY


@pytest.fixture
def corpus(tmp_path):
    with open(tmp_path / "facts.jsonl", "w") as lines:
        for place in range(60):
            lines.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": FACTS[place % 6]}) + "\n")
    return tmp_path / "facts.jsonl"


def counts(report):
    return report["passages"], report["encoded"], report["kept_before"], report["failed"]


def test_what_python_keeps_the_binary_reads_and_the_other_way(binary, corpus, tmp_path):
    first = headwise.build_passages(corpus, tmp_path / "kept", model=TINY, progress=False)
    assert counts(first) == (60, 60, 0, 0) and first["bytes"] > 0 and first["seconds"] > 0 and first["failures"] == []
    command = [str(binary), "passages", "build", "--model", str(TINY), "--corpus", str(corpus), "--json"]
    told = json.loads(subprocess.run([*command, "--keep", str(tmp_path / "kept")], check=True, capture_output=True, env=ENVIRONMENT).stdout)
    assert counts(told) == (60, 0, 60, 0)
    subprocess.run([*command, "--keep", str(tmp_path / "other")], check=True, capture_output=True, env=ENVIRONMENT)
    assert counts(headwise.build_passages([corpus], tmp_path / "other", model=TINY)) == (60, 0, 60, 0)


def test_a_reranker_reads_what_was_built(corpus, tmp_path):
    for shard in ("1/2", "2/2"):
        assert headwise.build_passages(corpus, tmp_path / "kept", model=TINY, shard=shard)["encoded"] == 30
    documents = [json.loads(line) for line in corpus.read_text().splitlines()][::7]
    plain = headwise.Reranker(TINY, keep_memory=0).rank("who wrote Emma?", documents)
    kept = headwise.Reranker(TINY, keep=tmp_path / "kept").rank("who wrote Emma?", documents)
    assert [(hit.id, hit.score) for hit in kept] == [(hit.id, hit.score) for hit in plain]
    assert kept.statistics["passages_kept"] == len(documents) and plain.statistics["passages_kept"] == 0


def test_what_cannot_be_kept_is_named(tmp_path):
    (tmp_path / "bad.jsonl").write_text('{"id": "a", "text": "a novel"}\n{"id": "b", "text": " "}\n')
    made = headwise.build_passages(tmp_path / "bad.jsonl", tmp_path / "kept", model=TINY)
    assert counts(made) == (2, 1, 0, 1) and made["failures"][0][0] == "b" and "empty" in made["failures"][0][1]


def test_bad_input(corpus, tmp_path):
    with pytest.raises(headwise.UsageError, match="expected i/n"):
        headwise.build_passages(corpus, tmp_path / "kept", model=TINY, shard="3/2")
    with pytest.raises(headwise.DataError, match="no file or folder"):
        headwise.build_passages(tmp_path / "nowhere", tmp_path / "kept", model=TINY)
    with pytest.raises(headwise.UsageError, match="second"):
        headwise.build_passages(corpus, tmp_path / "kept", model=TINY, keep_second_sight=True)
    headwise.build_passages(corpus, tmp_path / "kept", model=TINY)
    with pytest.raises(headwise.DataError, match="type: the store has 'fp32', this engine 'int8'"):
        headwise.build_passages(corpus, tmp_path / "kept", model=TINY, keep_type="int8")
