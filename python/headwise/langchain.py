# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A LangChain document compressor: the best of what a retriever found, with their scores in the metadata.

    ContextualCompressionRetriever(base_compressor=headwise.langchain.HeadwiseCompressor(top_n=5), base_retriever=retriever)
"""
from collections.abc import Sequence
from typing import Any

from langchain_core.callbacks import Callbacks
from langchain_core.documents import Document
from langchain_core.documents.compressor import BaseDocumentCompressor
from pydantic import ConfigDict, PrivateAttr

from ._adapters import as_reranker
from ._reranker import Reranker
from ._values import Path


class HeadwiseCompressor(BaseDocumentCompressor):
    """`model` is a Reranker or what makes one; `top_n` None keeps all. Documents come back as copies, best first, with
    metadata["relevance_score"], and metadata["truncated"] where the end of a document was not read."""
    model_config = ConfigDict(arbitrary_types_allowed=True, protected_namespaces=())

    top_n: int | None = None
    _reranker: Reranker = PrivateAttr()

    def __init__(self, model: "Reranker | Path | None" = None, *, top_n: int | None = None, **settings: Any) -> None:
        super().__init__(top_n=top_n)  # type: ignore[call-arg]
        self._reranker = as_reranker(model, settings)

    def compress_documents(self, documents: Sequence[Document], query: str, callbacks: Callbacks | None = None) -> list[Document]:
        if not documents:
            return []
        hits = self._reranker.rank(query, [document.page_content for document in documents], top_k=self.top_n)
        return [
            documents[hit.index].model_copy(update={"metadata": {**documents[hit.index].metadata, "relevance_score": hit.score,
                                                                 **({"truncated": True} if hit.truncated else {})}})
            for hit in hits
        ]
