# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""One pass for every calibration (headwise_calibrations, the source of docs/evaluation.md#reading-all-heads) gives the order of `rerank`."""
import json
import subprocess
from pathlib import Path

import pytest
from where import BINARY, built
from where import TINY as MODEL

TOOL = BINARY.parent / "headwise_calibrations"
VARIANTS = {"none": ["none"], "na": ["na", "--token-filter", "none"], "na_filter": ["na"], "ratio": ["ratio"]}


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collection")
    words = "tea leaf of the northern sea and a lamp in its tower".split()
    with open(folder / "corpus.jsonl", "w") as corpus:
        for d in range(5):
            text = " ".join(words[(d * 3 + i * (d + 1)) % len(words)] for i in range(6 + d))
            corpus.write(json.dumps({"_id": f"d{d}", "title": "", "text": text}) + "\n")
    (folder / "queries.jsonl").write_text("".join(
        json.dumps({"_id": q, "text": text}) + "\n" for q, text in (("q1", "the lamp?"), ("q2", "tea of the sea"))))
    (folder / "run.trec").write_text("".join(
        f"{q} Q0 d{d} {d + 1} {9 - d} first\n" for q in ("q1", "q2") for d in range(4)))
    return folder


def lines(path: Path) -> list[tuple[str, str, str]]:
    return [(c[0], c[2], c[3]) for c in (line.split() for line in path.read_text().splitlines())]


@pytest.mark.parametrize("encoding", ["list", "blocks"])
def test_same_order_as_rerank(collection, tmp_path, encoding):
    subprocess.run([built(TOOL), collection, collection / "run.trec", MODEL, tmp_path, encoding, "reversed", "4", "8"],
                   check=True, capture_output=True)
    for variant, calibration in VARIANTS.items():
        output = tmp_path / f"rerank.{variant}.trec"
        subprocess.run([BINARY, "rerank", "--dataset", collection, "--run", collection / "run.trec", "--model", MODEL,
                        "--encoding", encoding, "--order", "reversed", "--depth", "4", "--max-words", "8", "--precision", "fp32", "--format", "trec",
                        "--output", output, "--quiet", "--calibration", *calibration], check=True, capture_output=True)
        ours, theirs = lines(tmp_path / f"{encoding}.{variant}.trec"), lines(output)
        assert len(ours) == 8 and ours == theirs, variant
