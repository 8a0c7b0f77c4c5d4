# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Passages as callers have them (text, mapping or tuple) to the lists that the engine reads."""
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ._errors import DataError, UsageError

Document = Union[str, Mapping[str, Any], tuple[Any, ...]]

ID_KEYS = ("id", "_id", "docid", "doc_id", "docno")
TEXT_KEYS = ("text", "contents")
_OWN_KEYS = frozenset((*ID_KEYS, *TEXT_KEYS, "title", "score"))


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
        return {key: value for key, value in source.items() if key not in _OWN_KEYS} if isinstance(source, Mapping) else {}


def is_number(value: object) -> bool:
    """Also numpy's numbers; True and False are not meant."""
    return hasattr(value, "__float__") and not isinstance(value, (bool, str, bytes))


def _first(document: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((document[key] for key in keys if document.get(key) is not None), None)


def read_documents(documents: Iterable[Document], scores: Sequence[float] | None = None) -> Documents:
    """DataError names the passage that is no passage; `scores` are the first stage's, one for each."""
    if isinstance(documents, (str, bytes, Mapping)) or not isinstance(documents, Iterable):
        raise UsageError(f"documents: expected a list of passages, found {type(documents).__name__}")
    read = Documents(sources=list(documents))
    count = len(read.sources)
    titles: list[str] = []
    found: list[float | None] = []
    for index, document in enumerate(read.sources):
        identity: Any = None
        title, text, score = "", document, None
        if isinstance(document, Mapping):
            identity, text, title = _first(document, ID_KEYS), _first(document, TEXT_KEYS), document.get("title") or ""
            score = document.get("score")
            if text is None:
                keys = ", ".join(sorted(map(repr, document))) or "none"
                raise DataError(f"documents[{index}]: expected 'text' (or 'contents'), found the keys {keys}")
        elif isinstance(document, tuple):
            if len(document) == 2:
                identity, text = document
            elif len(document) == 3:
                identity, title, text = document
            else:
                raise DataError(f"documents[{index}]: expected (id, text) or (id, title, text), found {len(document)} values")
        if not isinstance(text, str) or not isinstance(title, str):
            what, value = ("text", text) if not isinstance(text, str) else ("title", title)
            raise DataError(f"documents[{index}]: expected str as {what}, found {type(value).__name__}")
        read.ids.append(str(index) if identity is None else identity)
        read.texts.append(text)
        titles.append(title)
        if score is not None and not is_number(score):
            raise DataError(f"documents[{index}]: expected a number as score, found {score!r}")
        found.append(None if score is None else float(score))
    if scores is not None:
        found = [float(score) for score in scores]
        if len(found) != count:
            raise UsageError(f"scores: expected one for each of the {count} documents, found {len(found)}")
    read.titles = titles if any(titles) else None
    read.scores = found if any(score is not None for score in found) else None
    return read
