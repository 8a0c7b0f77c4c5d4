# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Real clients rank the demo's twenty passages and get the binary's order and scores."""
import pytest


def test_cohere_v2(server, question, passages, expected):
    import cohere
    client = cohere.ClientV2(api_key="any", base_url=server.url)
    answer = client.rerank(model="rerank-v3.5", query=question, documents=passages)
    assert [(hit.index, hit.relevance_score) for hit in answer.results] == expected
    top = client.rerank(model="rerank-v3.5", query=question, documents=passages, top_n=3)
    assert [hit.index for hit in top.results] == [index for index, _ in expected[:3]]
    assert top.id and top.meta.billed_units.search_units == 1


def test_cohere_v1(server, question, passages, expected):
    import cohere
    client = cohere.Client(api_key="any", base_url=server.url)
    answer = client.rerank(model="rerank-english-v3.0", query=question, documents=[{"text": text} for text in passages], return_documents=True)
    assert [(hit.index, hit.relevance_score) for hit in answer.results] == expected
    assert answer.results[0].document.text == passages[expected[0][0]]


def test_cohere_errors(server, question, passages):
    import cohere
    client = cohere.ClientV2(api_key="any", base_url=server.url)
    with pytest.raises(cohere.errors.BadRequestError) as wrong:
        client.rerank(model="any", query=question, documents=passages, top_n=0)
    assert "top_n" in wrong.value.body["message"]


def test_voyage(server, question, passages, expected):
    import voyageai
    for base in (server.url, server.url + "/v1"):
        client = voyageai.Client(api_key="any", base_url=base)
        answer = client.rerank(question, passages, model="rerank-2")
        assert [(hit.index, hit.relevance_score) for hit in answer.results] == expected
        assert answer.results[0].document == passages[expected[0][0]] and answer.total_tokens > 0
    assert len(client.rerank(question, passages, model="rerank-2", top_k=4).results) == 4


def test_voyage_errors(server, passages):
    import voyageai
    client = voyageai.Client(api_key="any", base_url=server.url)
    with pytest.raises(voyageai.error.InvalidRequestError, match='"query" is empty'):
        client.rerank("", passages, model="rerank-2")


@pytest.mark.parametrize("provider, path", [("cohere", "/v1/rerank"), ("jina", "/v1/rerank"), ("text-embeddings-inference", "/rerank"),
                                            ("voyage", "/v1/rerank")])
def test_rerankers(server, question, passages, expected, provider, path):
    from rerankers import Reranker
    ranker = Reranker("any", model_type="APIRanker", api_provider=provider, api_key="any", url=server.url + path)
    ranked = ranker.rank(query=question, docs=passages, doc_ids=list(range(20)))
    assert [(hit.doc_id, hit.score) for hit in ranked.results] == expected


def test_langchain(server, question, passages, expected):
    from langchain_cohere import CohereRerank
    from langchain_core.documents import Document
    ranker = CohereRerank(model="any", cohere_api_key="any", base_url=server.url, top_n=20)
    ranked = ranker.compress_documents([Document(page_content=text, metadata={"place": place}) for place, text in enumerate(passages)], question)
    assert [(hit.metadata["place"], hit.metadata["relevance_score"]) for hit in ranked] == expected


def test_llama_index(server, question, passages, expected):
    from llama_index.core.schema import NodeWithScore, QueryBundle, TextNode
    from llama_index.postprocessor.cohere_rerank import CohereRerank
    ranker = CohereRerank(model="any", api_key="any", base_url=server.url, top_n=20)
    nodes = [NodeWithScore(node=TextNode(text=text, id_=str(place)), score=0.0) for place, text in enumerate(passages)]
    ranked = ranker.postprocess_nodes(nodes, query_bundle=QueryBundle(question))
    assert [(int(hit.node.id_), hit.score) for hit in ranked] == expected


def test_tei_by_requests(server, question, passages, expected):
    import requests
    answer = requests.post(server.url + "/rerank", json={"query": question, "texts": passages, "raw_scores": False, "return_text": True}, timeout=120)
    assert [(hit["index"], hit["score"]) for hit in answer.json()] == expected
    assert answer.json()[0]["text"] == passages[expected[0][0]]


def test_vllm_score_by_requests(server, question, passages, expected):
    import requests
    answer = requests.post(server.url + "/score", json={"model": "any", "text_1": question, "text_2": passages}, timeout=120).json()
    assert [(hit["index"], hit["score"]) for hit in answer["data"]] == sorted(expected)
