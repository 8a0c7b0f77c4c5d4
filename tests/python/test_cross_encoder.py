# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""CrossEncoder: what code written for sentence-transformers hands over is understood, warned of or refused with the reason, and
sentence-transformers' own evaluator measures it."""
import importlib
import importlib.util
import sys
import types
import warnings

import headwise
import numpy
import pytest
from conftest import FACTS, LOW, QUESTIONS
from headwise.cross_encoder import CrossEncoder


@pytest.fixture(scope="module")
def encoder(reranker):
    return CrossEncoder(reranker)


@pytest.fixture(scope="module")
def expected(ask_binary):
    """question -> [(index, score)] of the binary over FACTS"""
    return {question: ask_binary(question, FACTS, "--heads", LOW) for question in QUESTIONS[:3]}


@pytest.fixture
def evaluator_class(monkeypatch):
    """The real CrossEncoderRerankingEvaluator. Its package's __init__ files import torch, 5 GB of it, for other classes: the
    folders are packages here without them, and the evaluator's own file, and its base's, run as they are."""
    folder = importlib.util.find_spec("sentence_transformers").submodule_search_locations[0]
    for name in ("", ".base", ".base.evaluation", ".cross_encoder", ".cross_encoder.evaluation"):
        package = types.ModuleType("sentence_transformers" + name)
        package.__path__ = [folder + name.replace(".", "/")]
        monkeypatch.setitem(sys.modules, package.__name__, package)
    module = importlib.import_module("sentence_transformers.cross_encoder.evaluation.reranking")
    yield module.CrossEncoderRerankingEvaluator
    for name in [name for name in sys.modules if name.startswith("sentence_transformers")]:
        sys.modules.pop(name)


def test_rank(encoder, expected):
    for question, answer in expected.items():
        assert encoder.rank(question, FACTS) == [{"corpus_id": index, "score": score} for index, score in answer]
    best = encoder.rank(QUESTIONS[0], FACTS, 1, True, batch_size=8, convert_to_tensor=False, num_workers=2)
    index, score = expected[QUESTIONS[0]][0]
    assert best == [{"corpus_id": index, "score": score, "text": FACTS[index]}]
    assert encoder.rank("q", []) == []
    assert [hit["corpus_id"] for hit in encoder.rank(QUESTIONS[0], tuple(FACTS), top_k=0)] == [index for index, _ in expected[QUESTIONS[0]]]


def test_predict(encoder, expected):
    pairs = [(question, fact) for fact in FACTS for question in expected]  # questions interleaved
    scores = encoder.predict(pairs)
    assert scores.dtype == numpy.float32 and scores.shape == (18,)
    for number, (question, answer) in enumerate(expected.items()):
        for index, score in answer:
            assert scores[index * 3 + number] == numpy.float32(score)
    assert (encoder.predict(inputs=[list(pair) for pair in pairs]) == scores).all()
    assert (encoder.predict(numpy.array(pairs, dtype=object)) == scores).all()
    listed = encoder.predict(pairs, convert_to_numpy=False)
    assert isinstance(listed, list) and listed == list(scores)
    assert encoder.predict([]).shape == (0,)
    for one in ((QUESTIONS[0], FACTS[1]), [QUESTIONS[0], FACTS[1]]):
        assert numpy.isscalar(encoder.predict(one))
    assert encoder.predict([(QUESTIONS[0], FACTS[1])]).shape == (1,)


def test_activation(reranker, encoder, expected):
    question, answer = next(iter(expected.items()))
    pairs = [(question, fact) for fact in FACTS]
    twice = encoder.predict(pairs, activation_fn=lambda scores: 2 * scores)
    assert (twice == numpy.float32(2) * encoder.predict(pairs)).all()
    # One that turns the order round is obeyed, as there.
    turned = encoder.rank(question, FACTS, activation_fn=lambda scores: -scores)
    assert [hit["corpus_id"] for hit in turned] == [index for index, _ in reversed(answer)]
    always = CrossEncoder(reranker, activation_fn=lambda scores: 1 / (1 + numpy.exp(-scores)))
    assert all(0 < hit["score"] < 1 for hit in always.rank(question, FACTS))
    assert always.default_activation_function is always.activation_fn
    with pytest.raises(headwise.ArgumentTypeError, match="activation_fn: expected a function of scores, found str"):
        CrossEncoder(reranker, activation_fn="sigmoid")
    with pytest.raises(headwise.UsageError, match="expected one number for each of 6 scores"):
        encoder.predict(pairs, activation_fn=lambda scores: scores[:1])


def test_the_whole_constructor(model):
    """Every keyword of versions 2 to 6, as somebody gives it who means nothing by it: not a word."""
    harmless = {
        "num_labels": 1, "max_length": 64, "activation_fn": None, "device": "cpu", "cache_folder": "/somewhere", "trust_remote_code": True,
        "revision": None, "local_files_only": True, "token": "abc", "model_kwargs": None, "tokenizer_kwargs": {}, "config_kwargs": {},
        "model_card_data": None, "backend": "torch", "modules": None, "prompts": None, "default_prompt_name": None, "processor_kwargs": {},
        "keep_in_fp32_modules": None, "automodel_args": {}, "tokenizer_args": None, "config_args": None, "classifier_dropout": None,
        "default_activation_function": None, "cache_dir": None, "model_name": None,
    }
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = CrossEncoder(None, **harmless, heads=LOW)
        assert made.reranker.settings["max-tokens"] == 64 and made.max_length == 64 == made.max_seq_length
        assert made.to("cpu") is made.eval() is made and made.num_labels == 1 and str(made.device) == "cpu"
        assert CrossEncoder(None, 1, 32, None, "cpu", heads=LOW).max_length == 32  # by place, as in version 5
        assert CrossEncoder(heads=LOW, tokenizer_kwargs={"model_max_length": 48}).max_length == 48
        assert made.rank("q", FACTS)


@pytest.mark.parametrize("settings, says", [
    ({"device": "cuda"}, "device='cuda' has no effect: headwise runs on the CPU; for a card pass"),
    ({"backend": "onnx"}, "engine of its own"),
    ({"model_kwargs": {"torch_dtype": "float16"}}, "`weights` chooses"),
    ({"tokenizer_kwargs": {"padding_side": "left"}}, "tokenizer"),
    ({"revision": "main"}, "nothing is downloaded"),
    ({"keep_in_fp32_modules": ["score"]}, "precision"),
])
def test_what_has_no_effect_is_said(reranker, settings, says):
    with pytest.warns(UserWarning) as caught:
        CrossEncoder(reranker, **settings)
    assert len(caught) == 1 and says in str(caught[0].message) and caught[0].filename == __file__


def test_what_has_no_effect_in_a_call_is_said(encoder):
    with pytest.warns(UserWarning, match="pool="):
        encoder.predict([("q", FACTS[0])], pool={"processes": 4})
    with pytest.raises(TypeError, match="unexpected keyword argument 'batchsize'"):
        encoder.rank("q", FACTS, batchsize=4)


@pytest.mark.parametrize("settings, kind, says", [
    ({"num_labels": 3}, headwise.UsageError, "num_labels: expected 1, found 3: headwise gives one score"),
    ({"num_labels": "two"}, headwise.ArgumentTypeError, "num_labels: expected 1 or None, found str"),
    ({"max_length": "512"}, headwise.ArgumentTypeError, "max_length: expected a whole number of tokens, found str"),
    ({"modules": [1]}, headwise.ArgumentTypeError, "modules: expected None (headwise reads attention heads"),
    ({"model_name_or_path": "cross-encoder/ms-marco-MiniLM-L6-v2"}, headwise.DataError, "headwise reads decoder models"),
    ({"no_such": 1}, TypeError, "no_such"),
])
def test_what_cannot_be_is_refused(model, settings, kind, says):
    with pytest.raises(kind) as caught:
        CrossEncoder(**settings)
    assert says in str(caught.value), str(caught.value)


def test_prompts_are_instructions(reranker, monkeypatch):
    asked = []
    whole = headwise.Reranker.rank

    def rank(self, *arguments, instruction=None, **others):
        asked.append(instruction)
        return whole(self, *arguments, instruction=instruction, **others)

    monkeypatch.setattr(headwise.Reranker, "rank", rank)
    encoder = CrossEncoder(reranker, prompts={"web": "Find what answers", "claim": "Find what contradicts"}, default_prompt_name="web")
    encoder.rank("q", FACTS)
    encoder.rank("q", FACTS, prompt_name="claim")
    encoder.predict([("q", FACTS[0])], prompt="Find what agrees")
    CrossEncoder(reranker).rank("q", FACTS)
    assert asked == ["Find what answers", "Find what contradicts", "Find what agrees", None]
    with pytest.raises(headwise.UsageError, match="prompt_name: expected one of 'web', 'claim', found 'none'"):
        encoder.rank("q", FACTS, prompt_name="none")
    with pytest.raises(headwise.UsageError, match="of which there are none"):
        CrossEncoder(reranker, default_prompt_name="web")
    with pytest.raises(headwise.ArgumentTypeError, match="prompts: expected a dict of names and texts, found list"):
        CrossEncoder(reranker, prompts=["Find"])


def test_pairs_that_are_none(encoder):
    for wrong, says in ((["one text"], r"sentences\[0\]: expected a \(query, passage\) pair, found str"), ([("a", "b", "c")], "tuple of 3"),
                        ([("a", 5)], r"sentences\[0\]: expected str as passage, found int"), ([{"text": "a"}], "found dict"),
                        ([("a", "b"), None], r"sentences\[1\]: .*found NoneType")):
        with pytest.raises(headwise.DataError, match=says):
            encoder.predict(wrong)
    for wrong in (5, "text"):
        with pytest.raises(headwise.ArgumentTypeError, match="sentences: expected a list of"):
            encoder.predict(wrong)
    with pytest.raises(headwise.UsageError, match="sentences"):
        encoder.predict()


def test_no_torch_no_training(encoder):
    with pytest.raises(ImportError, match="convert_to_tensor=True needs torch"):
        encoder.predict([("q", FACTS[0])], convert_to_tensor=True)
    with pytest.raises(headwise.UnsupportedError, match="headwise-align"):
        encoder.fit()
    with pytest.raises(headwise.UnsupportedError, match="writes none"):
        encoder.save_pretrained("folder")


def test_the_real_evaluator(encoder, evaluator_class, expected, tmp_path):
    samples = [{"query": question, "positive": [FACTS[place]], "documents": [*FACTS[3:], *FACTS[:3]]}
               for question, place in zip(QUESTIONS[:3], (1, 2, 5))]
    evaluator = evaluator_class(samples, name="facts")
    measured = encoder.evaluate(evaluator, str(tmp_path))
    # Ties apart, MRR is one over the rank of the one right passage, which the binary's order tells.
    ranks = [[index for index, _ in expected[question]].index(place) + 1 for question, place in zip(QUESTIONS[:3], (1, 2, 5))]
    assert measured["facts_mrr@10"] == pytest.approx(sum(1 / rank for rank in ranks) / 3)
    assert set(measured) >= {"facts_map", "facts_ndcg@10", "facts_base_map"}
    assert encoder.model_card_data.evaluations[-1][0] is evaluator
    assert len(list(tmp_path.glob("*.csv"))) == 1
