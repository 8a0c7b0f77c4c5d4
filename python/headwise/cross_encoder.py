# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What code written for sentence-transformers' CrossEncoder calls (versions 2 to 6), without torch.

    model = headwise.cross_encoder.CrossEncoder()
    model.rank("who wrote Emma?", passages, top_k=5, return_documents=True)

A cross-encoder scores each pair by itself; headwise reads the passages of a query together. So `predict` puts the pairs
of one query into one request: order and scores are those of `rank`, and a pair's score depends on its neighbours.

What only makes sense for torch is taken, with a warning where somebody would wait for an effect; what cannot be done is
refused with the reason.
"""
from collections.abc import Callable, Iterable, Sequence
from typing import Any, NoReturn

import numpy
import numpy.typing

from . import _torch_words as words
from ._adapters import as_reranker
from ._errors import DataError, UnsupportedError, wrong_type
from ._progress import with_progress
from ._reranker import Reranker
from ._values import Path, limit

Pair = tuple[str, str] | list[str]
Scores = numpy.typing.NDArray[numpy.float32]


class ModelCard:
    """Where evaluators leave what they measured."""

    def __init__(self) -> None:
        self.evaluations: list[tuple[Any, dict[str, Any]]] = []

    def set_evaluation_metrics(self, evaluator: Any, metrics: dict[str, Any], epoch: int = 0, step: int = 0) -> None:
        self.evaluations.append((evaluator, metrics))


class CrossEncoder:
    """`model_name_or_path` is a Reranker or what makes one; `max_length` a passage's tokens (max_tokens). Scores are the
    Reranker's own: `activation_fn` is what is applied to them, and nothing is unless it is given. `prompts` are instructions:
    what is looked for. Other keywords are those of sentence-transformers or a Reranker's settings."""

    def __init__(self, model_name_or_path: "Reranker | Path | None" = None, num_labels: int | None = None,
                 max_length: int | None = None, activation_fn: Callable[[Any], Any] | None = None, device: Any = None,
                 **settings: Any) -> None:
        settings, theirs = words.parted(settings)
        words.check_labels(num_labels)
        words.warn_of({**theirs, "device": device})
        length = words.length_of(max_length, theirs)
        if length is not None:
            settings["max_tokens"] = length
        activation = activation_fn if activation_fn is not None else theirs.get("default_activation_function")
        self.activation_fn = words.activation(activation, "activation_fn")
        self._max_length = length
        self.prompts, self.default_prompt_name = words.prompts_of(theirs), theirs.get("default_prompt_name")
        words.instruction_of({}, self.prompts, self.default_prompt_name)
        self.model_card_data = theirs.get("model_card_data") or ModelCard()
        if model_name_or_path is None:
            model_name_or_path = theirs.get("model_name")
        try:
            self.reranker = as_reranker(model_name_or_path, settings)
        except DataError as error:
            if isinstance(model_name_or_path, str) and "/" in model_name_or_path:
                raise DataError(f"{error.message}. If it is a cross-encoder: headwise reads decoder models, and CrossEncoder() "
                                "takes the default one", error.kind, error.context) from error
            raise

    num_labels = 1
    device = "cpu"

    @property
    def max_length(self) -> int | None:
        """Tokens of a passage; None: as the Reranker has it."""
        return self._max_length

    max_seq_length = max_length

    @property
    def default_activation_function(self) -> Callable[[Any], Any] | None:
        return self.activation_fn

    def rank(self, query: str, documents: Sequence[str], top_k: int | None = None, return_documents: bool = False,
             batch_size: int = 32, show_progress_bar: bool | None = None, num_workers: int = 0,
             activation_fn: Callable[[Any], Any] | None = None, apply_softmax: bool = False, convert_to_numpy: bool = True,
             convert_to_tensor: bool = False, **theirs: Any) -> list[dict[str, Any]]:
        """[{"corpus_id", "score"[, "text"]}], best first. `batch_size`, `num_workers` and the converting flags do nothing."""
        words.warn_of(words.known(theirs, "rank"))
        if isinstance(documents, (str, bytes)) or not isinstance(documents, Iterable):
            raise wrong_type("documents", "a list of passages", documents)
        given, end = list(documents), limit(top_k)
        if not given:
            return []
        hits = self.reranker.rank(query, given, instruction=words.instruction_of(theirs, self.prompts, self.default_prompt_name))
        scores = self._activated(numpy.array([hit.score for hit in hits]), activation_fn)
        places = sorted(range(len(hits)), key=lambda place: -scores[place])  # stable: ties stay in the engine's order
        return [{"corpus_id": hits[place].index, "score": float(scores[place]),
                 **({"text": given[hits[place].index]} if return_documents else {})} for place in places[:end]]

    def predict(self, sentences: "Sequence[Pair] | Pair | None" = None, batch_size: int = 32,
                show_progress_bar: bool | None = None, activation_fn: Callable[[Any], Any] | None = None,
                apply_softmax: bool = False, convert_to_numpy: bool = True, convert_to_tensor: bool = False,
                **theirs: Any) -> Any:
        """One score for each (query, passage): a float32 array, a list of numbers unless `convert_to_numpy`, a torch tensor
        where asked for; a single pair gives a single number. `apply_softmax` is over labels, of which there is one."""
        inputs = words.one_of(sentences, theirs.pop("inputs", None), "sentences", "inputs")
        words.warn_of(words.known(theirs, "predict"))
        pairs, single = _pairs(inputs)
        instruction = words.instruction_of(theirs, self.prompts, self.default_prompt_name)
        found = self._scores(pairs, instruction, show_progress_bar)
        scores: Scores = self._activated(found, activation_fn).astype(numpy.float32)
        if convert_to_tensor:
            tensor = words.torch_for("convert_to_tensor=True").from_numpy(scores)
            return tensor[0] if single else tensor
        if single:
            return scores[0]
        return scores if convert_to_numpy else list(scores)

    def _scores(self, pairs: list[tuple[str, str]], instruction: str | None,
                show_progress_bar: bool | None) -> numpy.typing.NDArray[numpy.float64]:
        """Of a pair that the Reranker's min_score leaves out: -inf."""
        places: dict[str, list[int]] = {}
        for place, (query, _) in enumerate(pairs):
            places.setdefault(query, []).append(place)
        scores = numpy.full(len(pairs), -numpy.inf)
        for query, own in with_progress(places.items(), bool(show_progress_bar), len(places)):
            for hit in self.reranker.rank(query, [pairs[place][1] for place in own], instruction=instruction):
                scores[own[hit.index]] = hit.score
        return scores

    def _activated(self, scores: numpy.typing.NDArray[numpy.float64],
                   given: Callable[[Any], Any] | None) -> numpy.typing.NDArray[Any]:
        activation = words.activation(given, "activation_fn") or self.activation_fn
        return scores if activation is None else words.apply(activation, scores)

    def evaluate(self, evaluator: Callable[..., Any], output_path: str | None = None) -> Any:
        """Runs one of sentence-transformers' evaluators on this."""
        return evaluator(self, output_path)

    def to(self, *_: Any, **__: Any) -> "CrossEncoder":
        """Itself: the model stays on the CPU."""
        return self

    cpu = eval = half = float = bfloat16 = to

    def fit(self, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError("CrossEncoder.fit: heads are trained by the program headwise-align (docs/align.md)")

    old_fit = train = fit

    def save_pretrained(self, *_: Any, **__: Any) -> NoReturn:
        raise UnsupportedError("CrossEncoder.save_pretrained: headwise reads model files and writes none; copy "
                               f"{self.reranker.model_path}")

    save = push_to_hub = save_to_hub = save_pretrained


def _pairs(inputs: Any) -> tuple[list[tuple[str, str]], bool]:
    """The pairs, and whether one was given by itself."""
    if isinstance(inputs, (str, bytes)) or not isinstance(inputs, Iterable):
        raise wrong_type("sentences", "a list of (query, passage) pairs, or one pair", inputs)
    given = list(inputs)
    single = len(given) == 2 and all(isinstance(part, str) for part in given)
    pairs = []
    for place, pair in enumerate([given] if single else given):
        parts = None if isinstance(pair, (str, bytes, dict)) or not isinstance(pair, Iterable) else list(pair)
        if parts is None or len(parts) != 2:
            raise DataError(f"sentences[{place}]: expected a (query, passage) pair, found {type(pair).__name__}"
                            + ("" if parts is None else f" of {len(parts)}"))
        for side, part in zip(("query", "passage"), parts):
            if not isinstance(part, str):
                raise DataError(f"sentences[{place}]: expected str as {side}, found {type(part).__name__}")
        pairs.append((parts[0], parts[1]))
    return pairs, single
