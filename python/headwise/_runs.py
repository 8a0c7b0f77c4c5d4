# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A first-stage run re-ranked by one process or by many: requests, what is finished of them, the run file."""
import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from . import _core
from ._documents import Documents
from ._progress import with_progress
from ._results import Ranking
from ._values import Path, flag, limit, optional_text, path_bytes, whole

RUN_NAME = "headwise"


class Ranks(Protocol):
    """What is needed of a Reranker."""
    _engine: _core.Engine

    @property
    def _over_data_sets(self) -> "Ranks": ...

    def _rank(self, query: str, documents: Documents, end: int | None) -> Ranking: ...


@dataclass(frozen=True)
class Request:
    """One query with its candidates, plain values that travel between machines. `number` is its place in the run."""
    number: int
    query_id: str
    query: str
    ids: list[str]
    texts: list[str]
    titles: list[str]
    scores: list[float]


def rank_request(reranker: Ranks, request: Request, top_k: int | None = None) -> str:
    """The request's lines of the TREC run."""
    documents = Documents(sources=list(request.texts), ids=request.ids, texts=request.texts, titles=request.titles,
                          scores=list(request.scores))
    hits = reranker._over_data_sets._rank(request.query, documents, limit(top_k))
    return _core.format_run_query(request.query_id, [(hit.id, hit.score) for hit in hits], "trec", RUN_NAME)


def blocks(requests: Iterator[Request], size: int) -> Iterator[list[Request]]:
    while block := list(itertools.islice(requests, size)):
        yield block


def gather(*, run: Path, dataset: Path | None, split: str | None, depth: int, skip: int, queries: int,
           shard: str | None) -> Any:
    """The queries that are asked for, with the texts of their candidates."""
    return _core.gather_work(b"" if dataset is None else path_bytes(dataset, "dataset"), path_bytes(run, "run"),
                             optional_text(split, "split"), whole(depth, "depth"), whole(skip, "skip"),
                             whole(queries, "queries"), optional_text(shard, "shard"))


class RunWork:
    """The queries of a run that are still to be ranked, and where finished ones go. With `output` they are kept in
    OUTPUT.partial as they come, in any order; `finish` writes the run in one piece."""

    def __init__(self, reranker: Ranks, *, run: Path, dataset: Path | None, output: Path | None, split: str | None,
                 depth: int, skip: int, queries: int, shard: str | None, top_k: int | None, restart: bool) -> None:
        kept, again = limit(top_k) or 0, flag(restart, "restart")
        target = None if output is None else path_bytes(output, "output")
        work = gather(run=run, dataset=dataset, split=split, depth=depth, skip=skip, queries=queries, shard=shard)
        self._run = _core.open_run(reranker._over_data_sets._engine, work, target, kept, again)
        self.done = self._run.done
        self.total = len(self._run)

    def requests(self) -> Iterator[Request]:
        """Those not finished yet."""
        for place in range(self.total):
            request = self._run.request(place)
            if request is not None:
                yield Request(*request)

    def add(self, number: int, lines: str) -> None:
        self._run.add(number, lines)

    def finish(self) -> dict[str, dict[str, float]]:
        text = self._run.finish()
        results: dict[str, dict[str, float]] = {}
        for line in text.split("\n")[:-1]:  # ids may hold what else splits lines and words
            query_id, _, document, _, score, _ = line.split(" ")
            results.setdefault(query_id, {})[document] = float(score)
        return results


def rerank_run(reranker: Ranks, *, progress: bool | None, top_k: int | None, **choice: Any) -> dict[str, dict[str, float]]:
    work = RunWork(reranker, top_k=top_k, **choice)
    for request in with_progress(work.requests(), progress, work.total, work.done):
        work.add(request.number, rank_request(reranker, request, top_k))
    return work.finish()
