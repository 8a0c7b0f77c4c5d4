# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What rank and head_scores give back."""
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy
import numpy.typing

from . import _html
from ._documents import Document, Documents


class HeadId(NamedTuple):
    """A query head, zero based; printed "layer-head", as the field writes it."""
    layer: int
    head: int

    def __str__(self) -> str:
        return f"{self.layer}-{self.head}"


@dataclass(frozen=True, slots=True)
class Window:
    """The part of a long text whose score the passage has: text[begin:end], window `number` of `count`, from 0."""
    number: int
    count: int
    begin: int
    end: int


def window_of(text: str, raw: tuple[int, int, int, int] | None) -> Window | None:
    """From bytes of the text to its characters."""
    if raw is None:
        return None
    encoded = text.encode()
    begin = len(encoded[:raw[2]].decode())
    return Window(raw[0], raw[1], begin, begin + len(encoded[raw[2]:raw[3]].decode()))


@dataclass(frozen=True, slots=True)
class Hit:
    """One passage of a ranking. `index` is its place in the request, `rank` starts from 1, a higher score is better and
    scores of different requests cannot be compared. `id` is the caller's, or the index as text where none was given.

    `truncated`: some of its words were not read. `window`: which part of it is the best, where it was read in several
    (docs/method.md#long-passages). `empty`: there is nothing to read, so it stands last."""
    index: int
    id: Any
    score: float
    rank: int
    text: str
    title: str = ""
    metadata: dict[str, Any] = field(default_factory=dict)
    document: Document = ""
    truncated: bool = False
    empty: bool = False
    window: Window | None = None


class Ranking(list[Hit]):
    """Hits, best first, and how they came about."""
    heads: list[HeadId]
    statistics: dict[str, float]

    def __init__(self, hits: list[Hit], heads: list[HeadId], statistics: dict[str, float]) -> None:
        super().__init__(hits)
        self.heads, self.statistics = heads, statistics

    def __reduce__(self) -> tuple[Any, ...]:
        return Ranking, (list(self), self.heads, self.statistics)

    def _repr_html_(self) -> str:
        """A table, in notebooks."""
        return _html.ranking_html(self)


def make_hits(documents: Documents, indices: list[int], scores: list[float],
              readings: list[tuple[bool, bool, tuple[int, int, int, int] | None]]) -> list[Hit]:
    titles = documents.titles
    return [
        Hit(index, documents.ids[index], score, rank, documents.texts[index], titles[index] if titles else "",
            documents.metadata(index), documents.sources[index], truncated, empty, window_of(documents.texts[index], window))
        for rank, (index, score, (truncated, empty, window)) in enumerate(zip(indices, scores, readings), 1)
    ]


@dataclass(frozen=True)
class HeadScores:
    """Scores of every head read before they are summed, float32, passages in the order of the request.

    `values` is [3, heads, passages]: channel 0 the query's, 1 the content-free query's, 2 calibrated by `na` with the
    token filter (docs/formats.md#head-score-store)."""
    heads: list[HeadId]
    values: numpy.typing.NDArray[numpy.float32]
    prompt_order: list[int]
    shape: tuple[int, int]  # layers, heads of a layer of the model
    statistics: dict[str, float]

    def _channel(self, number: int) -> numpy.typing.NDArray[numpy.float32]:
        channel: numpy.typing.NDArray[numpy.float32] = self.values[number]
        return channel

    @property
    def query(self) -> numpy.typing.NDArray[numpy.float32]:
        """heads x passages"""
        return self._channel(0)

    @property
    def content_free(self) -> numpy.typing.NDArray[numpy.float32]:
        """heads x passages"""
        return self._channel(1)

    @property
    def calibrated(self) -> numpy.typing.NDArray[numpy.float32]:
        """heads x passages"""
        return self._channel(2)

    def grid(self, channel: int = 2) -> numpy.typing.NDArray[numpy.float32]:
        """layers x heads x passages; NaN for heads that were not read."""
        grid = numpy.full((*self.shape, self.values.shape[2]), numpy.nan, dtype=numpy.float32)
        for row, (layer, head) in enumerate(self.heads):
            grid[layer, head] = self.values[channel, row]
        return grid
