# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A ranker for Haystack pipelines (2.0 and later).

    pipeline.add_component("ranker", headwise.haystack.HeadwiseRanker(top_k=5))
    pipeline.connect("retriever.documents", "ranker.documents")
"""
import os
from dataclasses import replace
from typing import Any

from haystack import Document, component, default_from_dict, default_to_dict

from ._adapters import as_reranker
from ._errors import wrong_type
from ._reranker import Reranker
from ._results import Ranking
from ._values import Path, limit


@component
class HeadwiseRanker:
    """`model` is a Reranker or what makes one, which happens when a pipeline warms up or first asks. Documents come back as
    copies, best first, with new scores, and meta["truncated"] where the end was not read; `top_k` None keeps all,
    `score_threshold` drops those below. Of a document is read what stands in `meta_fields_to_embed`, then its content."""

    def __init__(self, model: "Reranker | Path | None" = None, top_k: int | None = None, score_threshold: float | None = None,
                 meta_fields_to_embed: list[str] | None = None, embedding_separator: str = "\n", **settings: Any) -> None:
        limit(top_k)
        self.top_k, self.score_threshold = top_k, score_threshold
        self.meta_fields_to_embed, self.embedding_separator = list(meta_fields_to_embed or []), embedding_separator
        self._model, self._settings = model, settings
        self._reranker = as_reranker(model, settings) if isinstance(model, Reranker) else None

    def warm_up(self) -> None:
        """Loads the model."""
        if self._reranker is None:
            self._reranker = as_reranker(self._model, self._settings)

    def to_dict(self) -> dict[str, Any]:
        """For a pipeline's file. A Reranker is written as the settings that it was made with."""
        settings = self._model._given if isinstance(self._model, Reranker) else {"model": self._model, **self._settings}
        plain = {name: os.fsdecode(value) if isinstance(value, (bytes, os.PathLike)) else value for name, value in settings.items()}
        written: dict[str, Any] = default_to_dict(
            self, **{"model": None, **plain}, top_k=self.top_k, score_threshold=self.score_threshold,
            meta_fields_to_embed=self.meta_fields_to_embed, embedding_separator=self.embedding_separator)
        return written

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> "HeadwiseRanker":
        made: HeadwiseRanker = default_from_dict(cls, data)
        return made

    def _text(self, document: Document, place: int) -> str:
        if not isinstance(document, Document):
            raise wrong_type(f"documents[{place}]", "a haystack Document", document)
        before = [str(document.meta[name]) for name in self.meta_fields_to_embed if document.meta.get(name)]
        return self.embedding_separator.join([*before, document.content or ""])

    def _asked(self, documents: list[Document], top_k: int | None) -> tuple[list[str], int | None]:
        """What is read of the documents, and how many of them are wanted; the model is there when anything is read."""
        end = self.top_k if top_k is None else top_k
        limit(end)
        if documents:
            self.warm_up()
        return [self._text(document, place) for place, document in enumerate(documents)], end

    def _ranked(self, ranking: Ranking, documents: list[Document], threshold: float | None) -> dict[str, Any]:
        least = self.score_threshold if threshold is None else threshold
        return {"documents": [replace(documents[hit.index], score=hit.score,
                                      meta={**documents[hit.index].meta, **({"truncated": True} if hit.truncated else {})})
                              for hit in ranking if least is None or hit.score >= least]}

    @component.output_types(documents=list[Document])
    def run(self, query: str, documents: list[Document], top_k: int | None = None,
            score_threshold: float | None = None) -> dict[str, Any]:
        """The documents, best first; `top_k` and `score_threshold` for this call."""
        texts, end = self._asked(documents, top_k)
        if not texts:
            return {"documents": []}
        assert self._reranker is not None
        return self._ranked(self._reranker.rank(query, texts, top_k=end), documents, score_threshold)

    @component.output_types(documents=list[Document])
    async def run_async(self, query: str, documents: list[Document], top_k: int | None = None,
                        score_threshold: float | None = None) -> dict[str, Any]:
        """run, with the event loop free meanwhile."""
        texts, end = self._asked(documents, top_k)
        if not texts:
            return {"documents": []}
        assert self._reranker is not None
        return self._ranked(await self._reranker.arank(query, texts, top_k=end), documents, score_threshold)
