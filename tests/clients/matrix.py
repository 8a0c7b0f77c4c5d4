# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The clients that are tried against the server: how each is set up, in the very line that docs/server.md shows, and how it is
asked. `python tests/clients/matrix.py` prints the table of docs/server.md; a test compares the two.

A client is a package that is installed, or an application whose request and reading of the answer were written down from its
source (repository, path, commit), because the application itself is no package."""
import asyncio
import json
import re
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
HERE = "http://127.0.0.1:8080"
Pairs = list[tuple[int, float]]


@dataclass(frozen=True)
class Package:
    """`line` makes the client, after `imports`; `ask` gets it, a question and passages."""
    name: str
    requirement: str
    imports: str
    line: str
    ask: Callable[[Any, str, list[str]], Pairs]

    def make(self, url: str) -> Any:
        names: dict[str, Any] = {}
        exec(self.imports, names)
        return eval(self.line.replace(HERE, url), names)

    @property
    def version(self) -> str:
        pinned = (ROOT / "scripts" / "requirements-clients.txt").read_text()
        return re.search(rf"^{re.escape(self.requirement)}==(\S+)$", pinned, re.MULTILINE)[1]

    @property
    def row(self) -> str:
        return f"| {self.name} | {self.requirement} {self.version} | `{self.line}` |"


@dataclass(frozen=True)
class Application:
    """`settings` is what a person enters; `ask` gets the address of the server and does what `source` does."""
    name: str
    source: str
    settings: str
    ask: Callable[[str, str, list[str]], Pairs]

    @property
    def row(self) -> str:
        return f"| {self.name} | as its source asks | {self.settings} |"


def hits(answer: Any) -> Pairs:
    return [(hit.index, hit.relevance_score) for hit in answer.results]


def by_litellm(client: Callable[..., Any], question: str, passages: list[str]) -> Pairs:
    answer = client(query=question, documents=passages, top_n=len(passages))
    for hit in answer.results:  # the passage comes along, in the shape that the provider's own server has
        assert hit.get("document", {}).get("text", passages[hit["index"]]) == passages[hit["index"]]
    return [(hit["index"], hit["relevance_score"]) for hit in answer.results]


def by_rerankers(client: Any, question: str, passages: list[str]) -> Pairs:
    ranked = client.rank(query=question, docs=passages, doc_ids=list(range(len(passages))))
    return [(hit.doc_id, hit.score) for hit in ranked.results]


def by_langchain(client: Any, question: str, passages: list[str]) -> Pairs:
    from langchain_core.documents import Document
    documents = [Document(page_content=text, metadata={"place": place}) for place, text in enumerate(passages)]
    ranked = client.compress_documents(documents, question)
    return [(hit.metadata["place"], hit.metadata["relevance_score"]) for hit in ranked]


def by_llama_index(client: Any, question: str, passages: list[str]) -> Pairs:
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(place)), score=0.0) for place, text in enumerate(passages)]
    ranked = client.postprocess_nodes(nodes, query_bundle=QueryBundle(question))
    return [(int(hit.node.id_), hit.score) for hit in ranked]


def by_haystack(client: Any, question: str, passages: list[str]) -> Pairs:
    from haystack import Document
    documents = [Document(content=text, id=str(place)) for place, text in enumerate(passages)]
    ranked = client.run(query=question, documents=documents)["documents"]
    return [(int(hit.id), hit.score) for hit in ranked]


def post(url: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json", "Authorization": "Bearer any"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=300) as response:
        return json.load(response)


def best_first(scores: list[float]) -> Pairs:
    return sorted(enumerate(scores), key=lambda pair: -pair[1])


def by_open_webui(url: str, question: str, passages: list[str]) -> Pairs:
    answer = post(url + "/v1/rerank", {"model": "headwise", "query": question, "documents": passages, "top_n": len(passages)})
    return best_first([hit["relevance_score"] for hit in sorted(answer["results"], key=lambda hit: hit["index"])])


def by_dify(url: str, question: str, passages: list[str]) -> Pairs:
    answer = post(url + "/v1/rerank", {"model": "headwise", "query": question, "documents": passages, "top_n": None, "return_documents": True})
    pairs = []
    for hit in answer["results"]:
        document = hit.get("document", {})
        text = document.get("text") if isinstance(document, dict) else document
        assert text == passages[hit["index"]]
        pairs.append((hit["index"], hit["relevance_score"]))
    return pairs


def by_ragflow(url: str, question: str, passages: list[str]) -> Pairs:
    answer = post(url + "/rerank", {"model": "headwise", "query": question, "documents": passages, "top_n": len(passages)})
    scores = [0.0] * len(passages)
    for hit in answer["results"]:
        scores[hit["index"]] = hit["relevance_score"]
    return best_first(scores)


def by_ragflow_xinference(url: str, question: str, passages: list[str]) -> Pairs:
    answer = post(url + "/v1/rerank", {"model": "headwise", "query": question, "return_documents": "true", "return_len": "true", "documents": passages})
    scores = [0.0] * len(passages)
    for hit in answer["results"]:
        scores[hit["index"]] = hit["relevance_score"]
    return best_first(scores)


def litellm_line(provider: str, base: str, key: str = ', api_key="any"') -> str:
    return f'partial(litellm.rerank, "{provider}/any", api_base="{HERE}{base}"{key})'


LITELLM = "import litellm\nfrom functools import partial"
PACKAGES = [
    Package("Cohere v2", "cohere", "import cohere", f'cohere.ClientV2(api_key="any", base_url="{HERE}")',
            lambda client, question, passages: hits(client.rerank(model="any", query=question, documents=passages))),
    Package("Cohere v1", "cohere", "import cohere", f'cohere.Client(api_key="any", base_url="{HERE}")',
            lambda client, question, passages: hits(client.rerank(model="any", query=question, documents=[{"text": text} for text in passages]))),
    Package("Cohere, asyncio", "cohere", "import cohere", f'cohere.AsyncClientV2(api_key="any", base_url="{HERE}")',
            lambda client, question, passages: hits(asyncio.run(client.rerank(model="any", query=question, documents=passages)))),
    Package("Voyage", "voyageai", "import voyageai", f'voyageai.Client(api_key="any", base_url="{HERE}/v1")',
            lambda client, question, passages: hits(client.rerank(question, passages, model="any"))),
    Package("Voyage, asyncio", "voyageai", "import voyageai", f'voyageai.AsyncClient(api_key="any", base_url="{HERE}/v1")',
            lambda client, question, passages: hits(asyncio.run(client.rerank(question, passages, model="any")))),
    *(Package(f"rerankers, `{provider}`", "rerankers", "from rerankers import Reranker",
              f'Reranker("any", model_type="APIRanker", api_provider="{provider}", api_key="any", url="{HERE}{path}")', by_rerankers)
      for provider, path in (("cohere", "/v1/rerank"), ("jina", "/v1/rerank"), ("voyage", "/v1/rerank"), ("text-embeddings-inference", "/rerank"))),
    Package("LangChain", "langchain-cohere", "from langchain_cohere import CohereRerank",
            f'CohereRerank(model="any", cohere_api_key="any", base_url="{HERE}", top_n=20)', by_langchain),
    Package("LlamaIndex", "llama-index-postprocessor-cohere-rerank", "from llama_index.postprocessor.cohere_rerank import CohereRerank",
            f'CohereRerank(model="any", api_key="any", base_url="{HERE}", top_n=20)', by_llama_index),
    Package("LlamaIndex, TEI", "llama-index-postprocessor-tei-rerank",
            "from llama_index.postprocessor.tei_rerank import TextEmbeddingInference",
            f'TextEmbeddingInference(model_name="any", base_url="{HERE}", top_n=20)', by_llama_index),
    Package("Haystack", "cohere-haystack",
            "from haystack.utils import Secret\nfrom haystack_integrations.components.rankers.cohere import CohereRanker",
            f'CohereRanker(model="any", api_key=Secret.from_token("any"), api_base_url="{HERE}", top_k=20)', by_haystack),
    *(Package(f"LiteLLM, `{provider}/`", "litellm", LITELLM, litellm_line(provider, base), by_litellm)
      for provider, base in (("cohere", ""), ("jina_ai", ""), ("hosted_vllm", ""), ("infinity", "/infinity"), ("huggingface", ""), ("voyage", ""))),
]
APPLICATIONS = [
    Application("Open WebUI", "open-webui/open-webui backend/open_webui/retrieval/models/external.py @ 0668cb7f35ea",
                f"Settings, Documents: reranking engine *External*, URL `{HERE}/v1/rerank`, any key and model", by_open_webui),
    Application("Dify", "langgenius/dify-plugin-sdks python/dify_plugin/interfaces/model/openai_compatible/rerank.py @ 1e544b466b47",
                f"plugin *OpenAI-API-compatible*, model type *Rerank*, endpoint `{HERE}/v1`", by_dify),
    Application("RAGFlow", "infiniflow/ragflow rag/llm/rerank_model.py @ 5b404a91ce3a, OpenAI_APIRerank",
                f"model provider *OpenAI-API-Compatible*, type *rerank*, base URL `{HERE}`", by_ragflow),
    Application("RAGFlow, Xinference", "infiniflow/ragflow rag/llm/rerank_model.py @ 5b404a91ce3a, XInferenceRerank",
                f"model provider *Xinference*, type *rerank*, base URL `{HERE}`", by_ragflow_xinference),
]


def table() -> str:
    return "\n".join(["| client | tried | how it is set up |", "| --- | --- | --- |", *(one.row for one in [*PACKAGES, *APPLICATIONS])])


if __name__ == "__main__":
    print(table())
