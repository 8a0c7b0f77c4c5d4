# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What can go wrong, with the codes that the command line ends with (2 usage, 3 data, 4 not supported, 5 resource)."""
import re

from . import _core


class Error(Exception):
    """Base of all. `code` is the command line's exit status, `kind` its name, `context` what was being done."""
    code: int = 1

    def __init__(self, message: str, kind: str = "", context: tuple[str, ...] = ()) -> None:
        super().__init__(message, kind, context)
        self.message, self.kind, self.context = message, kind, tuple(context)

    def __str__(self) -> str:
        doing = "; ".join("while " + step for step in self.context)
        return f"{self.message} ({doing})" if doing else self.message


class UsageError(Error, ValueError):
    """Something was asked for that makes no sense: a setting, a word, a combination."""
    code = 2


class ArgumentTypeError(UsageError, TypeError):
    """An argument is of a type that it cannot be; the message names it, what was expected and what was found."""


class DataError(Error, ValueError):
    """A file or a request is malformed, missing, or contradicts itself."""
    code = 3


class UnsupportedError(Error):
    """Well-formed, but a model type or feature that headwise does not have."""
    code = 4


class ResourceError(Error):
    """Memory, disk or the model's context would be exceeded."""
    code = 5


# The library names a setting as the command line spells it: the options, and those of a data set.
_NAMES = [*(option.name for option in _core.options()), "dataset", "run", "split", "depth", "skip", "queries", "shard", "restart"]
_FLAG = re.compile(rf"--({'|'.join(_NAMES)})\b(?!-)")


def _in_python(message: str) -> str:
    named = _FLAG.sub(lambda match: match.group(1).replace("-", "_"), message)
    return re.sub(r"headwise-fetch-model (fetches the default model) \([^)]*\)", r"`python -m headwise.fetch_model` \1", named)


def wrong_type(name: str, expected: str, value: object) -> ArgumentTypeError:
    found = "None" if value is None else type(value).__name__
    return ArgumentTypeError(f"{name}: expected {expected}, found {found}", "bad usage")


def make(code: int, kind: str, message: str, context: list[str]) -> Error:
    """Called by the bindings with what the library said."""
    known: dict[int, type[Error]] = {2: UsageError, 3: DataError, 4: UnsupportedError, 5: ResourceError}
    return known.get(code, Error)(_in_python(message), kind, tuple(_in_python(step) for step in context))
