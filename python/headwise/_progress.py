# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A tqdm bar over many queries, where tqdm is installed and somebody looks."""
import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")


def with_progress(items: Iterable[T], wanted: bool | None, total: int | None, done: int = 0,
                  unit: str = "query") -> Iterator[T]:
    """None: when stderr is a terminal and tqdm is there. True without tqdm is an ImportError that says what to install."""
    if wanted is None:
        wanted = sys.stderr is not None and sys.stderr.isatty()
        try:
            import tqdm
        except ImportError:
            wanted = False
    if not wanted:
        yield from items
        return
    try:
        from tqdm.auto import tqdm as bar
    except ImportError as error:
        raise ImportError("progress=True needs tqdm: pip install headwise[progress]") from error
    yield from bar(items, total=total, initial=done, unit=unit, desc="headwise")
