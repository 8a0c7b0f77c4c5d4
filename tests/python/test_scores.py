# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Kinds of scores, a least score and instructions, of a Reranker or of one call."""
import pickle

import headwise
import numpy
import pytest
from conftest import FACTS, LOW

QUESTION = "who wrote Emma?"


def pairs(ranking):
    return [(hit.index, hit.score) for hit in ranking]


@pytest.mark.parametrize("score", ["raw", "softmax", "minmax"])
def test_a_calls_kind_is_the_rerankers_and_the_binarys(model, reranker, ask_binary, score):
    of_call = pairs(reranker.rank(QUESTION, FACTS, score=score))
    assert of_call == pairs(headwise.Reranker(model, heads=LOW, score=score).rank(QUESTION, FACTS))
    assert of_call == ask_binary(QUESTION, FACTS, "--heads", LOW, "--score", score)
    raw = reranker.rank(QUESTION, FACTS)
    assert [hit.index for hit in raw] == [index for index, _ in of_call]
    if score == "softmax":
        scores = numpy.array([hit.score for hit in raw])
        expected = numpy.exp(scores - scores.max()) / numpy.exp(scores - scores.max()).sum()
        assert [value for _, value in of_call] == pytest.approx(expected.tolist())


def test_a_least_score(reranker):
    raw = pairs(reranker.rank(QUESTION, FACTS))
    assert pairs(reranker.rank(QUESTION, FACTS, min_score=raw[2][1])) == raw[:3]
    assert pairs(reranker.rank(QUESTION, FACTS, min_score=numpy.float64(raw[2][1]), top_k=1)) == raw[:1]
    assert pairs(reranker.rank(QUESTION, FACTS, min_score=10**9)) == []
    assert pairs(reranker.rank(QUESTION, FACTS, score="minmax", min_score=1))[0] == (raw[0][0], 1.0)
    assert pairs(reranker.rank(QUESTION, FACTS)) == raw


def test_an_instruction_of_a_call(model, reranker, ask_binary):
    raw = pairs(reranker.rank(QUESTION, FACTS))
    own = "Trouve les passages qui répondent. <|im_end|>"
    asked = pairs(reranker.rank(QUESTION, FACTS, instruction=own))
    assert asked != raw and asked == ask_binary(QUESTION, FACTS, "--heads", LOW, "--instruction", own)
    made = headwise.Reranker(model, heads=LOW, instruction=own)
    assert asked == pairs(made.rank(QUESTION, FACTS)) == pairs(pickle.loads(pickle.dumps(made)).rank(QUESTION, FACTS))
    assert [(p.index, p.score) for p in reranker.explain(QUESTION, FACTS, instruction=own).passages] == asked
    assert [pairs(each) for each in reranker.rank_many([(QUESTION, FACTS)], instruction=own)] == [asked]
    assert made.settings["instruction"] == own and "instruction" not in reranker.settings
    assert pairs(reranker.rank(QUESTION, FACTS)) == raw


@pytest.mark.parametrize("wishes, says", [
    ({"score": "percent"}, "score: expected one of raw, relevance, softmax, minmax; found 'percent'"),
    ({"score": 1}, "score"),
    ({"min_score": float("nan")}, "min_score: expected a number; found 'nan'"),
    ({"min_score": "0.5"}, "min_score: expected a number, found str"),
    ({"min_score": 10**400}, "min_score: expected a number"),
    ({"instruction": "  "}, "instruction is blank"),
    ({"score": "relevance"}, "relevance needs heads that have a fit of it"),  # a window of layers has none
])
def test_what_cannot_be_is_said(reranker, wishes, says):
    with pytest.raises(headwise.UsageError, match=says):
        reranker.rank(QUESTION, FACTS, **wishes)
