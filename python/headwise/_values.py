# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Values of arguments as callers have them to what the engine takes, by the kind that the table of options says."""
import os
from collections.abc import Iterable
from typing import Any

from . import _core
from ._documents import is_number
from ._errors import UsageError

Path = str | os.PathLike[str]


def path_bytes(value: Path, name: str) -> bytes:
    try:
        path = os.fsencode(value)
    except (TypeError, UnicodeEncodeError) as error:
        raise UsageError(f"{name}: expected a name or a path, found {value!r}") from error
    if b"\0" in path:
        raise UsageError(f"{name}: {value!r} holds a NUL character, which no path has")
    return path


def _heads(value: Path | Iterable[tuple[int, int]]) -> bytes:
    if isinstance(value, (str, os.PathLike)):
        return path_bytes(value, "heads")
    try:
        return ",".join(f"{int(layer)}-{int(head)}" for layer, head in value).encode()
    except (TypeError, ValueError) as error:
        raise UsageError("heads: expected text such as '13-18,14-2', a file, or (layer, head) pairs") from error


_KINDS = {option.keyword: option.kind for option in _core.options() if not option.per_call}


def setting(name: str, value: Any) -> Any:
    """One keyword's value for _core.Engine, which checks it against the table; plain, so that it can be pickled."""
    kind = _KINDS.get(name)
    if kind == "path":
        return _heads(value) if name == "heads" else path_bytes(value, name)
    if kind == "flag":
        return bool(value)
    if kind == "number or word" and is_number(value):
        return repr(float(value))
    return value


def limit(top_k: int | None) -> int | None:
    """The end of a slice. None and 0: all, as the command line has it."""
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not hasattr(top_k, "__index__") or top_k < 0:
        raise UsageError(f"top_k: expected a whole number of 0 (all) or more, found {top_k!r}")
    return min(top_k.__index__(), 2**31) or None
