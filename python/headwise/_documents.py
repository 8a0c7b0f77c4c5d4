# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Passages as callers have them (text, mapping or tuple) to the lists that the engine reads."""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Union

from . import _core
from ._errors import DataError, UsageError, wrong_type

Document = Union[str, Mapping[str, Any], tuple[Any, ...]]


@dataclass
class Documents:
    """The same passages as parallel lists; `titles` and `scores` are None when no passage has one."""
    sources: list[Document] = field(default_factory=list)
    ids: list[Any] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    titles: list[str] | None = None
    scores: list[float | None] | None = None

    def metadata(self, index: int) -> dict[str, Any]:
        source = self.sources[index]
        if not isinstance(source, Mapping):
            return {}
        own = members(source).values()
        return {key: value for key, value in source.items() if key not in own}


def is_number(value: object) -> bool:
    """Also numpy's numbers; True and False are not meant."""
    return hasattr(value, "__float__") and not isinstance(value, (bool, str, bytes))


def _missing(value: object) -> bool:
    """None, and what a data frame has where a cell is empty: NaN, and pandas' NA and NaT."""
    return value is None or (isinstance(value, float) and value != value) or type(value).__name__ in ("NAType", "NaTType")


@lru_cache(maxsize=1024)
def _meaning(key: str) -> tuple[str, int]:
    return _core.record_key(key)


def members(document: Mapping[Any, Any]) -> dict[str, Any]:
    """The keys that say id, title, text and score: the winner of each by the engine's table of names; None and NaN count as
    absent, and a text that is one of them as an empty one."""
    best: dict[str, tuple[bool, int, str]] = {}
    for key, value in document.items():
        if not isinstance(key, str) or not key.isascii():
            continue
        member, place = _meaning(key)
        found = (_missing(value), place, key)
        if member and (member not in best or found < best[member]):
            best[member] = found
    return {member: key for member, (_, _, key) in best.items()}


def _score_list(scores: object) -> Iterable[Any]:
    if isinstance(scores, (str, bytes, Mapping)) or not isinstance(scores, Iterable):
        raise wrong_type("scores", "a list of numbers, one for each document", scores)
    return scores


def _score(score: object, place: int) -> float:
    if not is_number(score):
        raise wrong_type(f"scores[{place}]", "a number", score)
    return float(score)  # type: ignore[arg-type]


def read_documents(documents: Iterable[Document], scores: Sequence[float] | None = None) -> Documents:
    """DataError names the passage that is no passage; `scores` are the first stage's, one for each."""
    if isinstance(documents, (str, bytes, Mapping)) or not isinstance(documents, Iterable):
        raise wrong_type("documents", "a list of passages", documents)
    if isinstance(documents, (set, frozenset)):
        raise wrong_type("documents", "a list of passages (the places of a set's are not fixed)", documents)
    read = Documents(sources=list(documents))
    count = len(read.sources)
    titles: list[str] = []
    found: list[float | None] = []
    for index, document in enumerate(read.sources):
        identity: Any = None
        title: Any = ""
        text: Any = document
        score: Any = None
        if isinstance(document, Mapping):
            found_keys = members(document)
            identity, text, title, score = (document[found_keys[name]] if name in found_keys else None for name in ("id", "text", "title", "score"))
            if "text" not in found_keys and _missing(title):
                keys = ", ".join(sorted(map(repr, document))) or "none"
                raise DataError(f"documents[{index}]: expected {_core.TEXT_NAMES}, or a title; found the keys {keys}")
        elif isinstance(document, tuple):
            if len(document) == 2:
                identity, text = document
            elif len(document) == 3:
                identity, title, text = document
            else:
                raise DataError(f"documents[{index}]: expected (id, text) or (id, title, text), found {len(document)} values")
        if text is not document:  # one cell of a record; a document that is None is none
            text, title, score = "" if _missing(text) else text, "" if _missing(title) else title, None if _missing(score) else score
        if not isinstance(text, str) or not isinstance(title, str):
            what, value = ("text", text) if not isinstance(text, str) else ("title", title)
            raise DataError(f"documents[{index}]: expected str as {what}, found {type(value).__name__}")
        read.ids.append(str(index) if _missing(identity) else identity)
        read.texts.append(text)
        titles.append(title)
        if score is not None and not is_number(score):
            raise DataError(f"documents[{index}]: expected a number as score, found {score!r}")
        found.append(None if score is None else float(score))
    if scores is not None:
        found = [_score(score, place) for place, score in enumerate(_score_list(scores))]
        if len(found) != count:
            raise UsageError(f"scores: expected one for each of the {count} documents, found {len(found)}")
    read.titles = titles if any(titles) else None
    read.scores = found if any(score is not None for score in found) else None
    return read
