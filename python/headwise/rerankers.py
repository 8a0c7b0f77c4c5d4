# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A model for the library `rerankers`: use it where rerankers.Reranker(...) stands.

    ranker = headwise.rerankers.HeadwiseRanker()
    ranker.rank("who wrote Emma?", ["...", "..."], doc_ids=["a", "b"]).top_k(1)
"""
from typing import Any

from rerankers.documents import Document
from rerankers.models.ranker import BaseRanker
from rerankers.results import RankedResults, Result
from rerankers.utils import prep_docs

from ._adapters import as_reranker
from ._reranker import Reranker
from ._values import Path


class HeadwiseRanker(BaseRanker):  # type: ignore[misc]
    """`model_name_or_path` is a Reranker or what makes one. The scores of a ranking depend on all of its passages."""
    ranking_type = "listwise"

    def __init__(self, model_name_or_path: "Reranker | Path | None" = None, verbose: int = 0, **settings: Any) -> None:
        self.reranker = as_reranker(model_name_or_path, settings)
        self.verbose = verbose

    def rank(self, query: str, docs: "str | list[str] | Document | list[Document]",
             doc_ids: "list[str] | list[int] | None" = None, metadata: "list[dict[str, Any]] | None" = None) -> RankedResults:
        prepared = prep_docs(docs, doc_ids, metadata)
        hits = self.reranker.rank(query, [document.text for document in prepared])
        results = [Result(document=prepared[hit.index], score=hit.score, rank=hit.rank) for hit in hits]
        return RankedResults(results=results, query=query, has_scores=True)

    def score(self, query: str, doc: str) -> float:
        return self.reranker.rank(query, [doc])[0].score
