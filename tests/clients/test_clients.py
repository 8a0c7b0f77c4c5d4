# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Every client of the matrix ranks the demo's twenty passages and gets the binary's order, with scores that fall; what a client
asks beyond that, and what it makes of an error. docs/server.md shows the matrix as it is."""
import json

import pytest
from conftest import ROOT
from matrix import APPLICATIONS, PACKAGES, Application, table


@pytest.mark.parametrize("client", [*PACKAGES, *APPLICATIONS], ids=lambda client: client.name.replace(" ", "-"))
def test_ranks_as_the_binary(server, question, passages, expected, client):
    ask = client.ask
    pairs = ask(server.url, question, passages) if isinstance(client, Application) else ask(client.make(server.url), question, passages)
    assert [index for index, _ in pairs] == [index for index, _ in expected]
    scores = [score for _, score in pairs]
    assert all(isinstance(score, float) for score in scores) and scores == sorted(scores, reverse=True) and scores[0] > scores[-1]


def test_the_table_of_the_docs_is_the_matrix():
    page = (ROOT / "docs" / "server.md").read_text()
    assert table() in page, "docs/server.md: put there what `python tests/clients/matrix.py` prints"


def test_cohere_asks_for_less_and_for_texts(server, question, passages, expected):
    import cohere
    client = cohere.ClientV2(api_key="any", base_url=server.url)
    top = client.rerank(model="rerank-v3.5", query=question, documents=passages, top_n=3)
    assert [hit.index for hit in top.results] == [index for index, _ in expected[:3]]
    assert top.id and top.meta.billed_units.search_units == 1
    answer = cohere.Client(api_key="any", base_url=server.url).rerank(model="any", query=question, documents=passages, return_documents=True)
    assert answer.results[0].document.text == passages[expected[0][0]]


def test_cohere_errors(server, question, passages):
    import cohere
    client = cohere.ClientV2(api_key="any", base_url=server.url)
    with pytest.raises(cohere.errors.BadRequestError) as wrong:
        client.rerank(model="any", query=question, documents=passages, top_n=0)
    assert "top_n" in wrong.value.body["message"]


def test_voyage_without_v1(server, question, passages, expected):
    import voyageai
    answer = voyageai.Client(api_key="any", base_url=server.url).rerank(question, passages, model="rerank-2", top_k=4)
    assert [hit.index for hit in answer.results] == [index for index, _ in expected[:4]]
    assert answer.results[0].document == passages[expected[0][0]] and answer.total_tokens > 0


def test_voyage_errors(server, passages):
    import voyageai
    client = voyageai.Client(api_key="any", base_url=server.url)
    with pytest.raises(voyageai.error.InvalidRequestError, match='"query" is empty'):
        client.rerank("", passages, model="rerank-2")


@pytest.mark.parametrize("provider", ["cohere", "jina_ai", "hosted_vllm", "infinity"])
def test_litellm_top_n_and_errors(server, question, passages, expected, provider):
    import litellm
    base = server.url + ("/infinity" if provider == "infinity" else "")
    top = litellm.rerank(f"{provider}/any", api_base=base, api_key="any", query=question, documents=passages, top_n=2, return_documents=False)
    assert [hit["index"] for hit in top.results] == [index for index, _ in expected[:2]]
    with pytest.raises(Exception) as wrong:
        litellm.rerank(f"{provider}/any", api_base=base, api_key="any", query=" ", documents=passages, num_retries=0)
    assert "query" in str(wrong.value) and "empty" in str(wrong.value)


def test_tei_by_requests(server, question, passages, expected):
    import requests
    answer = requests.post(server.url + "/rerank", json={"query": question, "texts": passages, "raw_scores": False, "return_text": True}, timeout=120)
    assert [(hit["index"], hit["score"]) for hit in answer.json()] == expected
    assert answer.json()[0]["text"] == passages[expected[0][0]]


def test_vllm_score_by_requests(server, question, passages, expected):
    import requests
    answer = requests.post(server.url + "/score", json={"model": "any", "text_1": question, "text_2": passages}, timeout=120).json()
    places = sorted(answer["data"], key=lambda hit: -hit["score"])
    assert [hit["index"] for hit in places] == [index for index, _ in expected]
    assert json.dumps(answer["data"]) == json.dumps(sorted(answer["data"], key=lambda hit: hit["index"]))
