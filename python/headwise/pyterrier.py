# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A PyTerrier transformer: data frames with qid, query, docno and text in, the same with new scores and ranks out.

    bm25 >> pt.text.get_text(index) >> headwise.pyterrier.HeadwiseReranker()
"""
from typing import Any

import pandas
import pyterrier

from ._adapters import as_reranker
from ._errors import DataError
from ._reranker import Reranker
from ._values import Path


class HeadwiseReranker(pyterrier.Transformer):
    """`model` is a Reranker or what makes one; other columns stay. The frame's scores are the first stage's for `fuse`."""

    def __init__(self, model: "Reranker | Path | None" = None, *, text_field: str = "text", title_field: str | None = None,
                 **settings: Any) -> None:
        super().__init__()
        self.reranker = as_reranker(model, settings)
        self.text_field, self.title_field = text_field, title_field

    def __repr__(self) -> str:
        return f"HeadwiseReranker({self.reranker.fingerprint})"

    def transform(self, frame: pandas.DataFrame) -> pandas.DataFrame:
        needed = ["qid", "query", "docno", self.text_field, *([self.title_field] if self.title_field else [])]
        missing = [name for name in needed if name not in frame.columns]
        if missing:
            raise DataError(f"the frame lacks the columns {', '.join(missing)} (it has {', '.join(map(str, frame.columns))}); "
                            "pt.text.get_text adds texts from an index")
        if frame.empty:
            return frame.assign(score=pandas.Series(dtype=float), rank=pandas.Series(dtype=int))
        parts = []
        for _, group in frame.groupby("qid", sort=False):
            titles = group[self.title_field] if self.title_field else [""] * len(group)
            documents = [(docno, title, text) for docno, title, text in zip(group["docno"], titles, group[self.text_field])]
            hits = self.reranker.rank(group["query"].iloc[0], documents,
                                      scores=list(group["score"]) if "score" in group.columns else None)
            best_first = group.iloc[[hit.index for hit in hits]]
            first = pyterrier.model.FIRST_RANK
            parts.append(best_first.assign(score=[hit.score for hit in hits], rank=range(first, first + len(hits))))
        return pandas.concat(parts, ignore_index=True)
