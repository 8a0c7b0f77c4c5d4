# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Collections encoded ahead into a store of kept passages: what `headwise passages build` does."""
import time
import warnings
from collections.abc import Iterable, Iterator
from typing import Any

from . import _core
from ._progress import with_progress
from ._reranker import Reranker
from ._values import Path, optional_text, path_list


def gather_passages(corpus: Path | Iterable[Path], shard: str | None) -> _core.PassageList:
    passages = _core.gather_passages(path_list(corpus, "corpus"), optional_text(shard, "shard"))
    if passages.left_out:
        warnings.warn(passages.left_out, stacklevel=3)
    return passages


def builder_settings(keep: Path, settings: dict[str, Any]) -> dict[str, Any]:
    """A build reads nothing that it keeps, so memory would hold it for nothing."""
    return {"keep_memory": 0, **settings, "keep": keep}


def build_list(reranker: Reranker, passages: _core.PassageList, progress: bool | None = False) -> dict[str, Any]:
    begun = time.monotonic()
    build = _core.open_build(reranker._engine, passages)

    def each_done() -> Iterator[None]:
        while build.done < len(build):
            before = build.done
            build.step(reranker._engine)
            yield from [None] * (build.done - before)

    for _ in with_progress(each_done(), progress, len(build), unit="passage"):
        pass
    return {**build.report(), "seconds": time.monotonic() - begun}


def build_passages(corpus: Path | Iterable[Path], keep: Path, *, shard: str | None = None, progress: bool | None = None,
                   **settings: Any) -> dict[str, Any]:
    """Encodes collections into the store `keep` (a folder, or redis://host:port/db): `headwise passages build`.

    `corpus` is a BEIR folder, a folder of texts (Markdown, HTML, PDF, code), a JSONL, TSV or text file, or several of them;
    what of a folder cannot be read is left out with a warning. `settings` are the
    Reranker's, and must be those of the one that reads the store. Passages that are kept already cost no encoding: the same
    call goes on after an interruption, and any number of processes may build one store, each its `shard` "i/n".

    Gives what was done: passages, encoded, kept_before, failed, truncated, tokens, bytes, seconds, and failures, a list of
    (id, reason)."""
    passages = gather_passages(corpus, shard)
    return build_list(Reranker(**builder_settings(keep, settings)), passages, progress)


def joined_reports(reports: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """Of parts of one build; seconds are those of all workers together."""
    whole: dict[str, Any] = {}
    for report in reports:
        for name, value in report.items():
            whole[name] = whole[name] + value if name in whole else value
    return whole
