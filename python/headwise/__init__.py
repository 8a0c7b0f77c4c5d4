# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""headwise orders passages for a question by reading the attention heads of a small language model, on the CPU.

    import headwise
    reranker = headwise.Reranker()
    for hit in reranker.rank("who wrote Emma?", ["Emma is a novel by Jane Austen.", "Copper turns green."]):
        print(hit.score, hit.text)

Adapters are modules of their own, imported only when used: headwise.pyterrier, headwise.langchain, headwise.llamaindex,
headwise.haystack, headwise.rerankers, headwise.cross_encoder, headwise.ray, headwise.spark. docs/python.md has an example of each.
"""
from ._core import VERSION as __version__
from ._errors import ArgumentTypeError, DataError, Error, ResourceError, UnsupportedError, UsageError
from ._explanation import ExplainedPassage, ExplainedToken, Explanation
from ._heads import score_store, select_heads
from ._passages import build_passages
from ._reranker import Reranker
from ._results import HeadId, HeadScores, Hit, Ranking, Window

__all__ = [
    "ArgumentTypeError", "DataError", "Error", "ExplainedPassage", "ExplainedToken", "Explanation", "HeadId", "HeadScores",
    "Hit", "Ranking", "Reranker", "ResourceError", "UnsupportedError", "UsageError", "Window", "__version__", "build_passages",
    "score_store", "select_heads",
]
