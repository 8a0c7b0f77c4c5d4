# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What code written for sentence-transformers' CrossEncoder calls, without torch.

    model = headwise.cross_encoder.CrossEncoder()
    model.rank("who wrote Emma?", passages, top_k=5, return_documents=True)

A cross-encoder scores each pair by itself; headwise reads the passages of a query together. So `predict` puts the pairs
of one query into one request: order and scores are those of `rank`, and a pair's score depends on its neighbours.
"""
from collections.abc import Sequence
from typing import Any

import numpy
import numpy.typing

from ._adapters import as_reranker
from ._errors import DataError
from ._progress import with_progress
from ._reranker import Reranker
from ._values import Path

Pair = tuple[str, str] | list[str]


class CrossEncoder:
    """`model_name_or_path` is a Reranker or what makes one. Arguments that only make sense for torch are taken and do
    nothing, so that one import is the whole change."""

    def __init__(self, model_name_or_path: "Reranker | Path | None" = None, *, num_labels: int | None = None,
                 max_length: int | None = None, device: Any = None, **settings: Any) -> None:
        if max_length is not None:
            settings["max_tokens"] = max_length
        self.reranker = as_reranker(model_name_or_path, settings)

    def rank(self, query: str, documents: Sequence[str], top_k: int | None = None, return_documents: bool = False,
             batch_size: int = 32, show_progress_bar: bool | None = None, **ignored: Any) -> list[dict[str, Any]]:
        """[{"corpus_id", "score"[, "text"]}], best first."""
        if len(documents) == 0:
            return []
        hits = self.reranker.rank(query, documents, top_k=top_k)
        return [{"corpus_id": hit.index, "score": hit.score, **({"text": hit.text} if return_documents else {})} for hit in hits]

    def predict(self, sentences: "Sequence[Pair] | Pair", batch_size: int = 32, show_progress_bar: bool | None = None,
                **ignored: Any) -> Any:
        """One score for each (query, passage), float32; a single pair gives a single number."""
        if len(sentences) == 2 and all(isinstance(part, str) for part in sentences):
            return self.predict([(str(sentences[0]), str(sentences[1]))])[0]
        places: dict[str, list[int]] = {}
        for place, pair in enumerate(sentences):
            if isinstance(pair, str) or len(pair) != 2:
                raise DataError(f"sentences[{place}]: expected a (query, passage) pair")
            places.setdefault(pair[0], []).append(place)
        scores = numpy.zeros(len(sentences), dtype=numpy.float32)
        for query, own in with_progress(places.items(), bool(show_progress_bar), len(places)):
            for hit in self.reranker.rank(query, [sentences[place][1] for place in own]):
                scores[own[hit.index]] = hit.score
        return scores
