# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Head-score stores with made-up scores and their judgements, for races and probes (docs/formats.md#head-score-store)."""
import json
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import numpy as np


class Query(NamedTuple):
    text: str
    scores: np.ndarray  # s[h] of every passage, [layers, heads, passages]
    content_free: np.ndarray  # the same for "N/A"
    grades: np.ndarray  # [passages]
    first_stage: np.ndarray  # [passages]


def write_store(folder: Path, made: Iterable[Query], model: str = "made-up") -> None:
    """manifest.json, an array a query, and qrels.tsv beside them. `model` is a fingerprint."""
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    for q, query in enumerate(made):
        layers, heads, passages = query.scores.shape
        values = np.stack([query.scores, query.content_free, query.scores - query.content_free])
        np.save(folder / f"{q:05d}.npy", values.astype("<f4"))
        ids = [f"d{q}-{i}" for i in range(passages)]
        queries.append({"id": f"q{q}", "text": query.text, "candidates": ids, "first_stage_scores": query.first_stage.tolist()})
        qrels += [f"q{q}\t{i}\t{g}" for i, g in zip(ids, query.grades) if g]
    manifest = {"format": "headwise head-score store", "version": 1, "model": model, "layers": layers, "heads": heads,
                "template": "blocks", "encoding": "blocks", "rows": "template", "token_filter": "low", "order": "given", "seed": 0,
                "max_words": 80, "depth": passages, "dataset": "made up", "headwise": "0", "queries": queries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n")
