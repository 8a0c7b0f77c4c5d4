# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Each adapter gives the order of the binary, keeps what the caller's framework carries, and is imported only when used."""
import asyncio
import subprocess
import sys

import headwise
import pytest
from conftest import FACTS, LOW, QUESTIONS


@pytest.fixture(scope="module")
def expected(ask_binary):
    """question -> [(index, score)] of the binary over FACTS"""
    return {question: ask_binary(question, FACTS, "--heads", LOW) for question in QUESTIONS[:3]}


def test_the_package_itself_needs_numpy_alone():
    code = ("import sys, headwise; print([name for name in ('pandas', 'pyterrier', 'langchain_core', 'llama_index', 'haystack', 'rerankers', "
            "'torch', 'ray', 'pyspark', 'tqdm', 'pydantic') if name in sys.modules])")
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_pyterrier(reranker, expected, ask_binary):
    pandas = pytest.importorskip("pandas")
    pyterrier = pytest.importorskip("pyterrier")
    from headwise.pyterrier import HeadwiseReranker
    frame = pandas.DataFrame([{"qid": f"q{number}", "query": question, "docno": f"d{place}", "text": fact, "score": -place, "rank": place,
                               "own": f"{number}/{place}"}
                              for number, question in enumerate(QUESTIONS[:3]) for place, fact in enumerate(FACTS)])
    transformer = HeadwiseReranker(reranker)
    ranked = transformer(frame)
    for number, question in enumerate(QUESTIONS[:3]):
        rows = ranked[ranked["qid"] == f"q{number}"]
        assert [(row.docno, row.score) for row in rows.itertuples()] == [(f"d{index}", score) for index, score in expected[question]]
        assert list(rows["rank"]) == list(range(6)) and list(rows["own"]) == [f"{number}/{docno[1:]}" for docno in rows["docno"]]
    assert frame["score"].iloc[0] == 0 and list(frame.columns) == list(ranked.columns)
    cut = (transformer % 2)(frame)  # PyTerrier's operators
    assert len(cut) == 6 and set(cut["rank"]) == {0, 1}
    assert list((pyterrier.Transformer.from_df(frame) >> transformer)(frame[["qid", "query"]].drop_duplicates())["docno"]) == \
        list(ranked["docno"])
    assert len(transformer(frame[:0])) == 0
    with pytest.raises(headwise.DataError, match="text"):
        transformer(frame.drop(columns="text"))
    fused = HeadwiseReranker(heads=LOW, fuse=0.7)(frame[frame["qid"] == "q2"])
    scored = [{"text": fact, "score": -place} for place, fact in enumerate(FACTS)]
    assert list(fused["docno"]) == [f"d{index}" for index, _ in ask_binary(QUESTIONS[2], scored, "--heads", LOW, "--fuse", "0.7")]


def test_langchain(reranker, expected):
    pytest.importorskip("langchain_core")
    from headwise.langchain import HeadwiseCompressor
    from langchain_core.documents import Document
    documents = [Document(page_content=fact, id=f"d{place}", metadata={"place": place}) for place, fact in enumerate(FACTS)]
    for question, answer in expected.items():
        ranked = HeadwiseCompressor(reranker).compress_documents(documents, question)
        assert [(document.metadata["place"], document.metadata["relevance_score"]) for document in ranked] == answer
        assert [document.id for document in ranked] == [f"d{index}" for index, _ in answer]
    best = asyncio.run(HeadwiseCompressor(reranker, top_n=2).acompress_documents(documents, QUESTIONS[0]))
    assert [document.metadata["place"] for document in best] == [index for index, _ in expected[QUESTIONS[0]]][:2]
    assert all("relevance_score" not in document.metadata for document in documents)
    assert all("truncated" not in document.metadata for document in best)
    cut = HeadwiseCompressor(heads=LOW, max_words=3, long="cut").compress_documents(documents, QUESTIONS[0])
    assert all(document.metadata["truncated"] is True for document in cut)
    assert HeadwiseCompressor(reranker).compress_documents([], "q") == []
    with pytest.raises(headwise.UsageError, match="heads"):
        HeadwiseCompressor(reranker, heads="all")


def test_llamaindex(reranker, expected):
    pytest.importorskip("llama_index.core")
    from headwise.llamaindex import HeadwiseRerank
    from llama_index.core.schema import NodeWithScore, TextNode
    nodes = [NodeWithScore(node=TextNode(text=fact, id_=f"d{place}"), score=-float(place)) for place, fact in enumerate(FACTS)]
    for question, answer in expected.items():
        ranked = HeadwiseRerank(reranker).postprocess_nodes(nodes, query_str=question)
        assert [(node.node.node_id, node.score) for node in ranked] == [(f"d{index}", score) for index, score in answer]
    best = asyncio.run(HeadwiseRerank(reranker, top_n=1, keep_retrieval_score=True).apostprocess_nodes(nodes, query_str=QUESTIONS[0]))
    index = expected[QUESTIONS[0]][0][0]
    assert [node.node.node_id for node in best] == [f"d{index}"] and best[0].node.metadata == {"retrieval_score": -float(index)}
    assert HeadwiseRerank(reranker).postprocess_nodes([], query_str="q") == []
    with pytest.raises(headwise.UsageError, match="query"):
        HeadwiseRerank(reranker).postprocess_nodes(nodes)


def test_rerankers(reranker, expected):
    pytest.importorskip("rerankers")
    from headwise.rerankers import HeadwiseRanker
    from rerankers.documents import Document
    ranker = HeadwiseRanker(reranker)
    names = [f"d{place}" for place in range(6)]
    for question, answer in expected.items():
        results = ranker.rank(question, FACTS, doc_ids=names)
        assert [(result.doc_id, result.score, result.rank) for result in results] == \
            [(f"d{index}", score, rank) for rank, (index, score) in enumerate(answer, 1)]
        assert results.top_k(1)[0].text == FACTS[answer[0][0]]
        documents = [Document(fact, doc_id=name) for fact, name in zip(FACTS, names)]
        assert [result.doc_id for result in ranker.rank(question, documents)] == [f"d{index}" for index, _ in answer]
    assert isinstance(ranker.score(QUESTIONS[0], FACTS[1]), float)


def test_haystack(reranker, expected, model):
    pytest.importorskip("haystack")
    from haystack import Document, Pipeline
    from headwise.haystack import HeadwiseRanker
    documents = [Document(content=fact, id=f"d{place}", meta={"place": place, "title": f"Fact {place}"}, score=0.5)
                 for place, fact in enumerate(FACTS)]
    for question, answer in expected.items():
        ranked = HeadwiseRanker(reranker).run(query=question, documents=documents)["documents"]
        assert [(document.id, document.score) for document in ranked] == [(f"d{index}", score) for index, score in answer]
        assert ranked[0].meta["place"] == answer[0][0]
    assert {document.score for document in documents} == {0.5}  # copies
    best = HeadwiseRanker(reranker, top_k=3).run(query=QUESTIONS[0], documents=documents, top_k=2)["documents"]
    answer = expected[QUESTIONS[0]]
    assert [document.id for document in best] == [f"d{index}" for index, _ in answer[:2]]
    above = HeadwiseRanker(reranker, score_threshold=answer[2][1]).run(query=QUESTIONS[0], documents=documents)["documents"]
    assert len(above) == 3 and all("truncated" not in document.meta for document in above)
    cut = HeadwiseRanker(heads=LOW, max_words=3, long="cut").run(query=QUESTIONS[0], documents=documents)["documents"]
    assert all(document.meta["truncated"] is True and "place" in document.meta for document in cut)
    later = asyncio.run(HeadwiseRanker(reranker).run_async(query=QUESTIONS[0], documents=documents))["documents"]
    assert [document.id for document in later] == [f"d{index}" for index, _ in answer]
    assert HeadwiseRanker(reranker).run(query="q", documents=[]) == {"documents": []}
    with pytest.raises(headwise.ArgumentTypeError, match=r"documents\[0\]: expected a haystack Document, found str"):
        HeadwiseRanker(reranker).run(query="q", documents=FACTS)
    with pytest.raises(headwise.UsageError, match="top_k"):
        HeadwiseRanker(top_k=-1)

    # A pipeline's file holds the settings, and what is read from it ranks alike, with the title read before the content.
    made = HeadwiseRanker(heads=LOW, max_words=80, top_k=6, meta_fields_to_embed=["title"], embedding_separator=". ")
    pipeline = Pipeline()
    pipeline.add_component("ranker", made)
    again = Pipeline.loads(pipeline.dumps(), allowed_modules=["headwise.haystack"])
    assert again.get_component("ranker").to_dict() == made.to_dict()
    ranked = again.run({"ranker": {"query": QUESTIONS[0], "documents": documents}})["ranker"]["documents"]
    titled = reranker.rank(QUESTIONS[0], [f"Fact {place}. {fact}" for place, fact in enumerate(FACTS)])
    assert [(document.id, document.score) for document in ranked] == [(f"d{hit.index}", hit.score) for hit in titled]
    copy = HeadwiseRanker.from_dict(HeadwiseRanker(reranker).to_dict()).run(query=QUESTIONS[0], documents=documents)["documents"]
    assert [document.score for document in copy] == [score for _, score in answer]
