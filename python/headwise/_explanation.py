# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Why a passage stands where it stands: each score split over tokens and heads (docs/method.md#explanations)."""
from dataclasses import dataclass, field
from typing import Any

import numpy
import numpy.typing

from . import _core, _html
from ._documents import Documents
from ._results import HeadId, Window, window_of


@dataclass(frozen=True, slots=True)
class ExplainedToken:
    """`begin` and `end` count characters of the passage's text as the model read it; a character may be spread over
    several tokens. `weight` is the token's part of the attention score: the weights add up to it."""
    id: int
    text: str
    begin: int
    end: int
    weight: float
    attention: float
    dropped_by: int


@dataclass(frozen=True, slots=True)
class ExplainedPassage:
    """`score` is what rank gives, bit for bit; `fused` its parts (ours, first stage) where a first stage is mixed in.
    `text` is what the model read (title first, cut at max_words, or the best window). `head_tokens` is float64 [2, heads, tokens]: weight and
    attention of each head; None unless per_head."""
    index: int
    id: Any
    score: float
    attention_score: float
    fused: tuple[float, float] | None
    truncated: bool
    empty: bool
    window: Window | None
    text: str
    tokens: list[ExplainedToken]
    head_shares: list[float]
    head_tokens: numpy.typing.NDArray[numpy.float64] | None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Passages, best first; `head_weights` and each passage's `head_shares` go by `heads`."""
    passages: list[ExplainedPassage]
    heads: list[HeadId]
    head_weights: list[float]
    statistics: dict[str, float]
    _source: tuple[dict[str, Any], str, list[str]] = field(repr=False, compare=False)

    def to_html(self) -> str:
        """The page that `headwise explain --report` writes: one file that needs nothing else."""
        return _core.explanation_page(*self._source)

    def _repr_html_(self) -> str:
        """The passages' texts, each token shaded by what it adds to the score; in notebooks."""
        return _html.explanation_html(self)


def _characters_before(text: bytes) -> list[int]:
    """For each byte offset, how many characters begin before it."""
    counts, begun = [0], 0
    for byte in text:
        begun += (byte & 0xC0) != 0x80
        counts.append(begun)
    return counts


def _passage(raw: dict[str, Any], documents: Documents) -> ExplainedPassage:
    text: bytes = raw["text"]
    count = _characters_before(text)
    tokens = []
    for number, begin, end, weight, attention, dropped_by in raw["tokens"]:
        # A token that begins inside a character belongs to that character.
        inside = begin < len(text) and (text[begin] & 0xC0) == 0x80
        tokens.append(ExplainedToken(number, text[begin:end].decode("utf-8", "replace"), count[begin] - inside, count[end],
                                     weight, attention, dropped_by))
    return ExplainedPassage(raw["index"], documents.ids[raw["index"]], raw["score"], raw["attention_score"], raw["fused"],
                            raw["truncated"], raw["empty"], window_of(documents.texts[raw["index"]], raw["window"]), text.decode("utf-8", "replace"), tokens, raw["head_shares"], raw["head_tokens"])


def make_explanation(raw: dict[str, Any], query: str, documents: Documents, top_k: int | None) -> Explanation:
    raw = {**raw, "passages": raw["passages"][:top_k]}
    passages = [_passage(passage, documents) for passage in raw["passages"]]
    return Explanation(passages, [HeadId(*head) for head in raw["heads"]], raw["head_weights"], raw["statistics"],
                       (raw, query, [str(name) for name in documents.ids]))
