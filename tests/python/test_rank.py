# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Reranker: the binary's ranking, what callers get back, options, head scores, explanations."""
import json
import pickle
import subprocess
from unittest.mock import ANY

import headwise
import numpy
import pandas
import pytest
from conftest import ENVIRONMENT, FACTS, LOW, ROOT


def pairs(ranking):
    return [(hit.index, hit.score) for hit in ranking]


def test_default_is_the_binarys_ranking(model, ask_binary):
    ranking = headwise.Reranker().rank("who wrote Emma?", FACTS)
    assert pairs(ranking) == ask_binary("who wrote Emma?", FACTS)
    assert ranking[0].index == 1 and len(ranking.heads) < 270  # the shipped set, not every head


@pytest.mark.parametrize("settings, flags", [
    ({"heads": "all"}, ["--heads", "all"]),
    ({"heads": [(2, 1), (3, 0)]}, ["--heads", "2-1,3-0"]),
    ({"heads": LOW, "calibration": "na", "token_filter": "none"}, ["--heads", LOW, "--calibration", "na", "--token-filter", "none"]),
    ({"heads": LOW, "calibration": "none", "encoding": "list"}, ["--heads", LOW, "--calibration", "none", "--encoding", "list"]),
    ({"encoding": "list"}, ["--encoding", "list"]),  # asks for another reading than the shipped set's: all heads
    ({"heads": LOW, "max_words": 4, "order": "shuffled", "seed": 3}, ["--heads", LOW, "--max-words", "4", "--order", "shuffled", "--seed", "3"]),
    ({"heads": LOW, "rows": "query", "block_span": 64}, ["--heads", LOW, "--rows", "query", "--block-span", "64"]),
    ({"heads": LOW, "fuse": "rrf"}, ["--heads", LOW, "--fuse", "rrf"]),
    ({"heads": LOW, "weights": "fp32", "threads": 2}, ["--heads", LOW]),
])
def test_settings_are_the_binarys(model, ask_binary, settings, flags):
    assert pairs(headwise.Reranker(model, **settings).rank("what is glass made of?", FACTS)) == \
        ask_binary("what is glass made of?", FACTS, *flags)


def test_first_stage_scores_are_fused(model, ask_binary):
    fused = headwise.Reranker("smollm2", heads=LOW, fuse=0.7)
    scored = [{"text": fact, "score": 10.0 - place} for place, fact in enumerate(FACTS)]
    expected = ask_binary("what is glass made of?", scored, "--heads", LOW, "--fuse", "0.7")
    assert pairs(fused.rank("what is glass made of?", scored)) == expected
    assert pairs(fused.rank("what is glass made of?", FACTS, scores=[10.0 - place for place in range(6)])) == expected
    with pytest.raises(headwise.UsageError):  # the first stage is asked for and missing
        fused.rank("what is glass made of?", FACTS)


def test_documents_come_back_with_what_the_caller_gave(reranker):
    documents = ["plain", {"_id": 7, "title": "T", "text": "mapping", "year": 1815, "score": 2}, ("k", "pair"), ("t", "Title", "triple"),
                 {"docno": "n", "contents": "other keys"}]
    hits = sorted(reranker.rank("a question", documents), key=lambda hit: hit.index)
    assert [(hit.id, hit.title, hit.text, hit.metadata) for hit in hits] == [
        ("0", "", "plain", {}), (7, "T", "mapping", {"year": 1815}), ("k", "", "pair", {}), ("t", "Title", "triple", {}),
        ("n", "", "other keys", {})]
    assert all(hit.document is documents[hit.index] for hit in hits)
    assert sorted(hit.rank for hit in hits) == [1, 2, 3, 4, 5]


def test_adapter(ask_binary):
    tiny, lora = ROOT / "tests/data/golden/models/tiny-llama-linear", ROOT / "tests/data/adapters/lora"
    documents = ["one two three", "some other words", "a cat and a dog", "the last of them"]
    adapted = headwise.Reranker(tiny, adapter=lora, heads="all").rank("what is it?", documents)
    assert pairs(adapted) == ask_binary("what is it?", documents, "--model", str(tiny), "--adapter", str(lora), "--heads", "all")
    assert pairs(adapted) != pairs(headwise.Reranker(tiny, heads="all").rank("what is it?", documents))


def test_titles_are_read(reranker, ask_binary):
    documents = [{"title": f"Fact {place}", "text": fact} for place, fact in enumerate(FACTS)]
    assert pairs(reranker.rank("Fact 3", documents)) == ask_binary("Fact 3", documents, "--heads", LOW)
    assert pairs(reranker.rank("Fact 3", documents)) != pairs(reranker.rank("Fact 3", FACTS))


@pytest.mark.parametrize("top_k, count", [(None, 6), (0, 6), (1, 1), (4, 4), (6, 6), (10**30, 6), (numpy.int64(2), 2)])
def test_top_k(reranker, top_k, count):
    whole = reranker.rank("who wrote Emma?", FACTS)
    assert list(reranker.rank("who wrote Emma?", FACTS, top_k=top_k)) == list(whole[:count])
    assert len(reranker.explain("who wrote Emma?", FACTS, top_k=top_k).passages) == count


def test_any_iterable_will_do(reranker):
    expected = pairs(reranker.rank("who wrote Emma?", FACTS))
    assert pairs(reranker.rank("who wrote Emma?", iter(FACTS))) == expected
    assert pairs(reranker.rank("who wrote Emma?", numpy.array(FACTS))) == expected


def test_rank_many(reranker, capsys):
    requests = [("who wrote Emma?", FACTS), ("how do bees talk?", FACTS[:4])]
    rankings = reranker.rank_many(requests, top_k=2)
    assert [pairs(ranking) for ranking in rankings] == [pairs(reranker.rank(*request, top_k=2)) for request in requests]
    assert capsys.readouterr().err == ""  # nobody looks: no bar
    reranker.rank_many(iter(requests), progress=True)
    assert "2query" in capsys.readouterr().err.replace(" ", "")


def test_head_scores(model, reranker):
    scores = headwise.Reranker(heads=LOW, calibration="none").head_scores("who wrote Emma?", FACTS)
    assert scores.values.shape == (3, 36, 6) and scores.values.dtype == numpy.float32 and scores.values.flags.writeable
    assert [str(head) for head in scores.heads[:10]] == [f"0-{head}" for head in range(9)] + ["1-0"]
    # What rank gives is the sum over heads.
    ranking = headwise.Reranker(heads=LOW, calibration="none").rank("who wrote Emma?", FACTS)
    for hit in ranking:
        assert scores.query[:, hit.index].sum() == pytest.approx(hit.score, rel=1e-5)
    grid = scores.grid(0)
    assert grid.shape == (30, 9, 6) and numpy.isnan(grid[4:]).all() and (grid[1, 2] == scores.query[11]).all()
    kept = scores.values
    del scores
    assert numpy.isfinite(kept).all()


def test_explain(reranker):
    text = "Emma is a novel by Jane Austen; naïve 漢字 🐝 too."
    explanation = reranker.explain("who wrote Emma?", [FACTS[0], ("e", "Émile", text)], per_head=True)
    ranking = reranker.rank("who wrote Emma?", [FACTS[0], ("e", "Émile", text)])
    assert [(passage.index, passage.score, passage.id) for passage in explanation.passages] == \
        [(hit.index, hit.score, hit.id) for hit in ranking]
    passage = next(passage for passage in explanation.passages if passage.index == 1)
    assert text in passage.text and passage.text.startswith("Émile")
    assert sum(token.weight for token in passage.tokens) == pytest.approx(passage.attention_score)
    assert "".join(token.text for token in passage.tokens if "\ufffd" not in token.text) != ""
    for token in passage.tokens:
        if "\ufffd" not in token.text:
            assert passage.text[token.begin:token.end] == token.text
    bee = [token for token in passage.tokens if token.begin <= passage.text.index("🐝") < token.end]
    assert bee  # also where a character is spread over tokens
    assert passage.head_tokens.shape == (2, 36, len(passage.tokens)) and len(passage.head_shares) == 36
    assert reranker.explain("who wrote Emma?", FACTS).passages[0].head_tokens is None


def test_properties_and_pickle(reranker):
    copy = pickle.loads(pickle.dumps(reranker))
    assert pairs(copy.rank("who wrote Emma?", FACTS)) == pairs(reranker.rank("who wrote Emma?", FACTS))
    assert copy.fingerprint == reranker.fingerprint and copy.fingerprint.startswith("llama-30x9-576-")
    assert copy.heads[0] == (0, 0) and len(copy.heads) == 36
    assert copy.settings["calibration"] == "ratio" and copy.model_path.endswith(".gguf")
    ranking = reranker.rank("who wrote Emma?", FACTS)
    again = pickle.loads(pickle.dumps(ranking))
    assert list(again) == list(ranking) and again.heads == ranking.heads


@pytest.mark.parametrize("options", [{}, {"per_head": True, "top_k": 2}])
def test_the_page_is_the_binarys(reranker, binary, tmp_path, options):
    documents = [{"id": f"d{place}", "text": fact} for place, fact in enumerate(FACTS)]
    page = tmp_path / "page.html"
    flags = ["--heads", LOW, *(["--per-head"] if "per_head" in options else []), "--top-k", str(options.get("top_k", 0))]
    subprocess.run([str(binary), "explain", "--query", "who wrote Emma?", "--documents", "-", "--report", str(page), *flags], check=True,
                   input="".join(json.dumps(document) + "\n" for document in documents).encode(), env=ENVIRONMENT, capture_output=True)
    explanation = reranker.explain("who wrote Emma?", documents, **options)
    assert explanation.to_html() == page.read_text()
    assert pickle.loads(pickle.dumps(explanation)).to_html() == page.read_text()


def test_passages_are_kept_and_scores_stay(model):
    plain = headwise.Reranker(heads=LOW, keep_memory=0)
    assert plain.kept["bytes"] == 0
    with pytest.raises(headwise.UsageError):
        plain.keep_passages(FACTS)
    keeping = headwise.Reranker(heads=LOW)  # 1 GiB, unasked
    done = keeping.keep_passages(FACTS)
    assert done["encoded"] + done["kept_before"] == len(FACTS)
    assert keeping.keep_passages(FACTS)["kept_before"] == len(FACTS)
    for question in ("who wrote Emma?", "what is glass made of?"):
        ranking, expected = keeping.rank(question, FACTS), plain.rank(question, FACTS)
        assert pairs(ranking) == pairs(expected)
        assert ranking.statistics["passages_kept"] == len(FACTS) and expected.statistics["passages_kept"] == 0
        assert ranking.statistics["tokens_run"] < expected.statistics["tokens_run"] == expected.statistics["prompt_tokens"]
    assert keeping.kept["hits"] >= 2 * len(FACTS) and keeping.kept["bytes"] > 0
    with pytest.raises(headwise.UsageError):
        headwise.Reranker(heads=LOW, encoding="list", keep_memory="1GiB")
    assert headwise.Reranker(heads=LOW, encoding="list").kept["passages"] == 0  # what nobody asked for gives way
    with pytest.raises(headwise.UsageError):
        headwise.Reranker(heads=LOW, keep_memory="1GB")


@pytest.mark.parametrize("document, hit_id, title, text, metadata", [
    ({"_id": "a", "id": "b", "text": "x", "contents": "y"}, "a", "", "x", {"id": "b", "contents": "y"}),
    ({"Title": "Emma", "Content": "by Austen"}, "0", "Emma", "by Austen", {}),
    ({"title": "a title alone"}, "0", "a title alone", "", {}),
    ({"id": None, "docno": 7, "text": None, "page_content": "x", "lang": "en"}, 7, "", "x", {"id": None, "text": None, "lang": "en"}),
    ({"ID": "upper", "docid": "lower", "body": "x", 5: "five"}, "lower", "", "x", {"ID": "upper", 5: "five"}),
    # A cell with nothing in it, as records of a data frame have it.
    ({"id": "a", "text": None}, "a", "", "", {}),
    ({"id": "a", "text": float("nan"), "score": float("nan")}, "a", "", "", {}),
    ({"docno": "a", "title": float("nan"), "text": "x"}, "a", "", "x", {}),
    ({"docno": numpy.nan, "text": numpy.float64("nan"), "body": "x"}, "0", "", "x", {"text": ANY}),
    ({"docno": pandas.NA, "title": pandas.NaT, "contents": pandas.NA}, "0", "", "", {}),
    (("a", None), "a", "", "", {}),
    (("a", float("nan"), "x"), "a", "", "x", {}),
])
def test_the_names_of_all_readers(reranker, document, hit_id, title, text, metadata):
    hit = min(reranker.rank("a question", [document, "another"]), key=lambda hit: hit.index)
    assert (hit.id, hit.title, hit.text, hit.metadata) == (hit_id, title, text, metadata)
