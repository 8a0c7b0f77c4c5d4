# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""TREC runs of the bench tasks: read, fused as `rerank --fuse W` does, written."""
from __future__ import annotations

import os
import statistics
from pathlib import Path

Run = dict[str, dict[str, float]]  # query -> document -> score


def read_run(path: Path, depth: int | None = None) -> Run:
    run: Run = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        query, _, document, _, score = line.split()[:5]
        run.setdefault(query, {})[document] = float(score)
    return {query: dict(sorted(scores.items(), key=lambda pair: -pair[1])[:depth]) for query, scores in run.items()}


def standardised(scores: dict[str, float]) -> dict[str, float]:
    mean, deviation = statistics.fmean(scores.values()), statistics.pstdev(scores.values())
    return {document: (score - mean) / deviation if deviation else 0.0 for document, score in scores.items()}


def fused(run: Run, first_stage: Run, weight: float) -> Run:
    """z-scores of the run plus `weight` times the first stage's over the same candidates."""
    out: Run = {}
    for query, scores in run.items():
        ours = standardised(scores)
        first = standardised({document: first_stage[query][document] for document in scores})
        out[query] = {document: ours[document] + weight * first[document] for document in scores}
    return out


def write_run(path: Path, run: Run, tag: str) -> None:
    temporary = path.with_name(f"{path.name}.tmp.{os.getpid()}")
    with temporary.open("w", encoding="utf-8") as file:
        for query, scores in run.items():
            for rank, (document, score) in enumerate(sorted(scores.items(), key=lambda pair: -pair[1]), 1):
                file.write(f"{query} Q0 {document} {rank} {score:.9g} {tag}\n")
    os.replace(temporary, path)
