# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Values of arguments as callers have them to what the engine takes: by the kind that the table of options says, or, for the
arguments of a call, by name. A wrong type is named here, before the bindings see it."""
import os
from collections.abc import Iterable
from typing import Any

from . import _core
from ._documents import is_number
from ._errors import UsageError, wrong_type

Path = str | os.PathLike[str]

_MOST = 2**31 - 1  # what the library counts in


def path_bytes(value: Path, name: str) -> bytes:
    try:
        path = os.fsencode(value)
    except (TypeError, UnicodeEncodeError) as error:
        if not isinstance(value, (str, os.PathLike)):
            raise wrong_type(name, "a name or a path", value) from error
        raise UsageError(f"{name}: expected a name or a path, found {value!r}") from error
    if not path:  # a variable that is not set, mostly
        raise UsageError(f"{name}: expected a name or a path, found ''; leave it out where nothing is meant")
    if b"\0" in path:
        raise UsageError(f"{name}: {value!r} holds a NUL character, which no path has")
    return path


def path_list(value: Path | Iterable[Path], name: str) -> list[bytes]:
    """One path, or several."""
    if isinstance(value, (str, os.PathLike)):
        return [path_bytes(value, name)]
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise wrong_type(name, "a path, or a list of paths", value)
    return [path_bytes(path, f"{name}[{place}]") for place, path in enumerate(value)]


def text(value: str, name: str) -> str:
    if not isinstance(value, str):
        raise wrong_type(name, "str", value)
    return value


def optional_text(value: str | None, name: str) -> str:
    """"" for None, as the library has it."""
    return "" if value is None else text(value, name)


def flag(value: bool, name: str) -> bool:
    if not isinstance(value, bool) and type(value).__name__ not in ("bool", "bool_"):  # numpy's
        raise wrong_type(name, "True or False", value)
    return bool(value)


def whole(value: int, name: str, least: int = 0) -> int:
    """Also numpy's whole numbers; True and False are not meant."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        raise wrong_type(name, "a whole number", value)
    number = value.__index__()
    if not least <= number <= _MOST:
        raise UsageError(f"{name}: expected a whole number of {least} to {_MOST}, found {number}")
    return number


def limit(top_k: int | None) -> int | None:
    """The end of a slice. None and 0: all, as the command line has it."""
    if top_k is None:
        return None
    if isinstance(top_k, bool) or not hasattr(top_k, "__index__"):
        raise wrong_type("top_k", "a whole number of 0 (all) or more", top_k)
    if top_k < 0:
        raise UsageError(f"top_k: expected a whole number of 0 (all) or more, found {top_k!r}")
    return min(top_k.__index__(), _MOST) or None


def _pair(layer: int, head: int) -> str:
    return f"{int(layer)}-{int(head)}"


def _heads(value: Path | Iterable[str | tuple[int, int]]) -> bytes:
    if isinstance(value, (str, os.PathLike)):
        return path_bytes(value, "heads")
    expected = "text such as '13-18,14-2', a file, or a list of (layer, head) pairs or '13-18'"
    if isinstance(value, bytes) or not isinstance(value, Iterable):
        raise wrong_type("heads", expected, value)
    try:
        return ",".join(head if isinstance(head, str) else _pair(*head) for head in value).encode()
    except (TypeError, ValueError) as error:
        raise UsageError(f"heads: expected {expected}") from error


_KINDS = {option.keyword: option.kind for option in _core.options() if not option.per_call}


def setting(name: str, value: Any) -> Any:
    """One keyword's value for _core.Engine, which checks it against the table; plain, so that it can be pickled."""
    kind = _KINDS.get(name)
    if kind == "path":
        return _heads(value) if name == "heads" else path_bytes(value, name)
    if kind == "flag":
        return flag(value, name)
    if kind == "number or word" and is_number(value):
        return repr(float(value))
    if kind == "number" and not is_number(value):
        raise wrong_type(name, "a number", value)
    if kind == "integer" and (isinstance(value, bool) or not hasattr(value, "__index__")):
        raise wrong_type(name, "a number", value)
    if kind == "size" and not isinstance(value, str) and (isinstance(value, bool) or not hasattr(value, "__index__")):
        raise wrong_type(name, "a number of bytes or text such as '512M'", value)
    if kind in ("text", "word", "number or word") and not isinstance(value, str):
        raise wrong_type(name, "a number or a word" if kind == "number or word" else "str", value)
    return value
