# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A LlamaIndex node post-processor.

    index.as_query_engine(node_postprocessors=[headwise.llamaindex.HeadwiseRerank(top_n=5)])
"""
from typing import Any

from llama_index.core.bridge.pydantic import Field, PrivateAttr
from llama_index.core.postprocessor.types import BaseNodePostprocessor
from llama_index.core.schema import MetadataMode, NodeWithScore, QueryBundle

from ._adapters import as_reranker
from ._errors import UsageError
from ._reranker import Reranker
from ._values import Path


class HeadwiseRerank(BaseNodePostprocessor):
    """`model` is a Reranker or what makes one; `top_n` None keeps all. The text read is the node's with its metadata for
    embedding, as LlamaIndex's own rerankers read it; the retriever's score moves to metadata["retrieval_score"] where
    `keep_retrieval_score`."""

    top_n: int | None = Field(default=None, description="Nodes returned; None: all.")
    keep_retrieval_score: bool = Field(default=False, description="Keep the retriever's score in the metadata.")
    _reranker: Reranker = PrivateAttr()

    def __init__(self, model: "Reranker | Path | None" = None, *, top_n: int | None = None, keep_retrieval_score: bool = False,
                 **settings: Any) -> None:
        super().__init__(top_n=top_n, keep_retrieval_score=keep_retrieval_score)  # type: ignore[call-arg]
        self._reranker = as_reranker(model, settings)

    @classmethod
    def class_name(cls) -> str:
        return "HeadwiseRerank"

    def _postprocess_nodes(self, nodes: list[NodeWithScore], query_bundle: QueryBundle | None = None) -> list[NodeWithScore]:
        if query_bundle is None:
            raise UsageError("a query is needed to order nodes: give query_bundle or query_str")
        if not nodes:
            return []
        scores = [node.score for node in nodes]
        hits = self._reranker.rank(query_bundle.query_str, [node.node.get_content(metadata_mode=MetadataMode.EMBED) for node in nodes],
                                   top_k=self.top_n, scores=None if None in scores else scores)  # type: ignore[arg-type]
        ranked = []
        for hit in hits:
            node = nodes[hit.index]
            if self.keep_retrieval_score:
                node.node.metadata["retrieval_score"] = node.score
            ranked.append(NodeWithScore(node=node.node, score=hit.score))
        return ranked
