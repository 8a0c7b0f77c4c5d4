# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Bad settings, bad requests, hostile text: each an exception with the command line's code, and the engine goes on."""
import headwise
import pytest
from conftest import FACTS, LOW


@pytest.mark.parametrize("settings, kind, code, says", [
    ({"heads": "99-0"}, headwise.UsageError, 2, "not in this model"),
    ({"heads": "some"}, headwise.UsageError, 2, "heads"),
    ({"heads": [(1,)]}, headwise.UsageError, 2, "pairs"),
    ({"heads": "no/such"}, headwise.DataError, 3, "heads: 'no/such' is neither"),
    ({"calibration": "nil"}, headwise.UsageError, 2, "calibration: expected one of ratio, na, none; found 'nil'"),
    ({"weights": "int3"}, headwise.UsageError, 2, "weights"),
    ({"fuse": "much"}, headwise.UsageError, 2, "fuse: expected a weight"),
    ({"fuse": -1.0}, headwise.UsageError, 2, "fuse"),
    ({"template": "nowhere.json"}, headwise.DataError, 3, "nowhere.json"),
    ({"router": "nowhere.safetensors"}, headwise.DataError, 3, "nowhere.safetensors"),
    ({"router": "r.safetensors", "heads": "all"}, headwise.UsageError, 2, "router chooses the heads; leave heads out"),
    ({"max_words": -1}, headwise.UsageError, 2, "max_words: expected 0 or more"),
    ({"max_tokens": 2**40}, headwise.UsageError, 2, "max_tokens: expected a number that fits"),
    ({"threads": 5000}, headwise.UsageError, 2, "threads"),
    ({"threads": "2"}, headwise.UsageError, 2, "threads: expected a number"),
    ({"model": "no-such-model"}, headwise.DataError, 3, "`python -m headwise.fetch_model`"),
    ({"model": "a\0b"}, headwise.UsageError, 2, "NUL"),
    ({"model": ""}, headwise.UsageError, 2, "model: expected a name or a path, found ''; leave it out"),
    ({"heads": ""}, headwise.UsageError, 2, "heads: expected a name or a path, found ''"),
    ({"keep": ""}, headwise.UsageError, 2, "keep: expected a name or a path, found ''"),
    ({"heads": [(1, 0, 2)]}, headwise.UsageError, 2, "pairs"),
    ({"heads": ["0-1", "x"]}, headwise.UsageError, 2, "heads"),
    ({"model": 5}, headwise.ArgumentTypeError, 2, "model: expected a name or a path, found int"),
    ({"heads": 3}, headwise.ArgumentTypeError, 2, "heads: expected text such as '13-18,14-2', a file, or a list of (layer, head) pairs or '13-18', found int"),
    ({"threads": 2.5}, headwise.ArgumentTypeError, 2, "threads: expected a number, found float"),
    ({"max_words": True}, headwise.ArgumentTypeError, 2, "max_words: expected a number, found bool"),
    ({"keep_memory": 1.5}, headwise.ArgumentTypeError, 2, "keep_memory: expected a number of bytes or text such as '512M', found float"),
    ({"calibration": 1}, headwise.ArgumentTypeError, 2, "calibration: expected str, found int"),
    ({"fuse": [0.7]}, headwise.ArgumentTypeError, 2, "fuse: expected a number or a word, found list"),
    ({"full_depth": "no"}, headwise.ArgumentTypeError, 2, "full_depth: expected True or False, found str"),
])
def test_settings(model, settings, kind, code, says):
    with pytest.raises(kind) as caught:
        headwise.Reranker(**settings)
    assert caught.value.code == code and says in str(caught.value), str(caught.value)
    assert "--" not in str(caught.value)  # named as Python spells it


def test_model_files(tmp_path):
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF\x03\0\0\0" + b"\xff" * 40)
    with pytest.raises(headwise.DataError) as caught:
        headwise.Reranker(broken)
    assert "broken.gguf" in str(caught.value) and caught.value.context
    folder = tmp_path / "mamba"
    folder.mkdir()
    (folder / "config.json").write_text('{"architectures": ["MambaForCausalLM"], "model_type": "mamba"}')
    with pytest.raises(headwise.UnsupportedError) as unsupported:
        headwise.Reranker(folder)
    assert unsupported.value.code == 4
    odd = tmp_path / "name\udcff.gguf"  # a file name that is not UTF-8
    odd.write_bytes(b"GGUF")
    with pytest.raises(headwise.DataError):
        headwise.Reranker(odd)


@pytest.mark.parametrize("query, documents, kind, says", [
    ("q", [], headwise.DataError, "no passages"),
    ("", FACTS, headwise.DataError, "query is empty"),
    ("   ", FACTS, headwise.DataError, "query is empty"),
    ("a\ud800b", FACTS, headwise.DataError, "query holds a lone surrogate (character 1)"),
    ("q", ["a", "bc\udfff"], headwise.DataError, "documents[1] holds a lone surrogate (character 2)"),
    ("q", [{"title": "\ud800", "text": "b"}], headwise.DataError, "documents[0].title holds a lone surrogate"),
    (5, FACTS, headwise.ArgumentTypeError, "query: expected str, found int"),
    (b"q", FACTS, headwise.ArgumentTypeError, "query: expected str, found bytes"),
    (None, FACTS, headwise.ArgumentTypeError, "query: expected str, found None"),
    ("q", ["a", 5], headwise.DataError, "documents[1]: expected str as text, found int"),
    ("q", ["a", None], headwise.DataError, "documents[1]: expected str as text, found NoneType"),
    ("q", [{"year": 1815}], headwise.DataError, "documents[0]: expected 'text'"),
    ("q", [("a",)], headwise.DataError, "documents[0]: expected (id, text)"),
    ("q", ["a", {"text": "b", "score": "11"}], headwise.DataError, "documents[1]: expected a number as score, found '11'"),
    ("q", "one text", headwise.ArgumentTypeError, "documents: expected a list of passages, found str"),
    ("q", {"id": "text"}, headwise.ArgumentTypeError, "documents: expected a list of passages, found dict"),
    ("q", None, headwise.ArgumentTypeError, "documents: expected a list of passages, found None"),
    ("q", {"a text", "another"}, headwise.ArgumentTypeError, "documents: expected a list of passages (the places of a set's are not fixed), found set"),
    ("q", 7, headwise.ArgumentTypeError, "documents: expected a list of passages, found int"),
    ("why " * 9000, ["text"], headwise.ResourceError, "shorten the query"),
])
def test_requests(reranker, query, documents, kind, says):
    for call in (reranker.rank, reranker.head_scores, reranker.explain):
        with pytest.raises(kind) as caught:
            call(query, documents)
        assert says in str(caught.value), str(caught.value)
        assert isinstance(caught.value, headwise.Error)
    assert reranker.rank("who wrote Emma?", FACTS)  # goes on


@pytest.mark.parametrize("top_k", [-1, "3", 2.5, True])
def test_top_k(reranker, top_k):
    with pytest.raises(headwise.UsageError, match="top_k"):
        reranker.rank("q", FACTS, top_k=top_k)


def test_scores_that_do_not_fit(reranker):
    with pytest.raises(headwise.UsageError, match="expected one for each of the 6 documents, found 2"):
        reranker.rank("q", FACTS, scores=[1.0, 2.0])


@pytest.mark.parametrize("scores, says", [
    (5, "scores: expected a list of numbers, one for each document, found int"),
    ("123456", "scores: expected a list of numbers, one for each document, found str"),
    ([1, 2, 3, "4", 5, 6], "scores[3]: expected a number, found str"),
    ([1, 2, 3, 4, 5, None], "scores[5]: expected a number, found None"),
])
def test_scores_of_a_wrong_type(reranker, scores, says):
    with pytest.raises(headwise.ArgumentTypeError) as caught:
        reranker.rank("q", FACTS, scores=scores)
    assert says == str(caught.value)


@pytest.mark.parametrize("requests, says", [
    (5, "requests: expected a list of (query, documents) pairs, found int"),
    ("text", "requests: expected a list of (query, documents) pairs, found str"),
    ([("a", FACTS), "b"], "requests[1]: expected a (query, documents) pair, found str"),
    ([("a", FACTS, 5)], "requests[0]: expected a (query, documents) pair, found tuple"),
])
def test_requests_of_a_wrong_type(reranker, requests, says):
    with pytest.raises(headwise.ArgumentTypeError) as caught:
        reranker.rank_many(requests)
    assert says == str(caught.value)


def test_arguments_of_whole_runs(reranker, collection, tmp_path):
    """Each is named, and no overloads of the bindings are listed; TypeError catches them too."""
    def run(**wrong):
        return lambda: reranker.rerank_run(**{"run": collection / "run.trec", "dataset": collection, **wrong})

    def store(**wrong):
        return lambda: headwise.score_store(**{"run": collection / "run.trec", "output": tmp_path / "store", "dataset": collection, **wrong})

    def select(**wrong):
        return lambda: headwise.select_heads(**{"stores": tmp_path, "qrels": tmp_path, **wrong})

    for call, says in (
            (run(depth="40"), "depth: expected a whole number, found str"),
            (run(run=5), "run: expected a name or a path, found int"),
            (run(skip=1.5), "skip: expected a whole number, found float"),
            (run(queries=None), "queries: expected a whole number, found None"),
            (run(split=3), "split: expected str, found int"),
            (run(shard=(1, 2)), "shard: expected str, found tuple"),
            (run(output=7), "output: expected a name or a path, found int"),
            (run(restart="yes"), "restart: expected True or False, found str"),
            (run(top_k="3"), "top_k: expected a whole number of 0 (all) or more, found str"),
            (store(output=None), "output: expected a name or a path, found None"),
            (store(restart=1), "restart: expected True or False, found int"),
            (select(stores=5), "stores: expected a path, or a list of paths, found int"),
            (select(qrels=[5]), "qrels[0]: expected a name or a path, found int"),
            (select(method=5), "method: expected str, found int"),
            (select(threads="2"), "threads: expected a whole number, found str"),
            (lambda: headwise.build_passages(5, tmp_path / "kept"), "corpus: expected a path, or a list of paths, found int"),
            (lambda: headwise.build_passages(collection, tmp_path / "kept", shard=1), "shard: expected str, found int"),
            (lambda: reranker.explain("q", FACTS, per_head="no"), "per_head: expected True or False, found str")):
        with pytest.raises(TypeError) as caught:
            call()
        assert isinstance(caught.value, headwise.ArgumentTypeError) and str(caught.value) == says
    for call in (run(depth=2**40), run(skip=-1)):
        with pytest.raises(headwise.UsageError, match="expected a whole number of 0 to"):
            call()


def test_a_nul_is_a_character_like_any_other(reranker, ask_binary):
    documents = ["before\0after", "no such thing"]
    hits = reranker.rank("what\0now", documents)
    assert [(hit.index, hit.score) for hit in hits] == ask_binary("what\0now", documents, "--heads", LOW)
    assert {hit.text for hit in hits} == set(documents)


def test_ten_thousand_documents(model):
    low = headwise.Reranker(heads="0..0", calibration="none")
    hits = low.rank("document 7000", [f"document {place}" for place in range(10_000)], top_k=3)
    assert len(hits) == 3 and [hit.rank for hit in hits] == [1, 2, 3]


def test_the_codes_are_the_command_lines():
    assert (headwise.Error.code, headwise.UsageError.code, headwise.DataError.code, headwise.UnsupportedError.code,
            headwise.ResourceError.code) == (1, 2, 3, 4, 5)
    assert issubclass(headwise.UsageError, ValueError) and issubclass(headwise.DataError, ValueError)
