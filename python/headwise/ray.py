# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Many queries on a Ray cluster: a pool of actors, each with the model loaded once.

    headwise.ray.rerank_run("bm25.trec", dataset="dl19", output="reranked.trec", workers=8)

The run file is the one that a single process writes, byte for byte. Finished queries are kept in OUTPUT.partial as they
come: a killed actor's queries are run again by Ray, a killed driver goes on from the file.

    headwise.ray.build_passages("wiki.jsonl", "redis://store:6379/0", workers=8)

encodes a collection into a store of kept passages that every machine reaches.
"""
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Any

import ray
import ray.data

from . import _core
from ._passages import build_list, builder_settings, gather_passages, joined_reports
from ._progress import with_progress
from ._reranker import Reranker
from ._runs import Request, RunWork, blocks, rank_request
from ._values import Path


class RankBatch:
    """For ray.data.Dataset.map_batches(RankBatch, batch_format="pandas", ...): rows with the fields of a request
    (number, query_id, query, ids, texts, titles, scores) become rows (number, lines), lines of the TREC run."""

    def __init__(self, settings: dict[str, Any], top_k: int | None = None) -> None:
        self.reranker, self.top_k = Reranker(**settings), top_k

    def __call__(self, batch: Any) -> Any:
        import pandas
        requests = [Request(row.number, row.query_id, row.query, list(row.ids), list(row.texts), list(row.titles),
                            [float(score) for score in row.scores]) for row in batch.itertuples(index=False)]
        return pandas.DataFrame({"number": [request.number for request in requests],
                                 "lines": [rank_request(self.reranker, request, self.top_k) for request in requests]})


def rerank_run(run: Path, *, dataset: Path | None = None, output: Path, workers: int = 2, threads: int = 1,
               batch_size: int = 4, split: str | None = None, depth: int = 40, skip: int = 0, queries: int = 0,
               shard: str | None = None, top_k: int | None = None, restart: bool = False, progress: bool | None = None,
               round_size: int = 4096, **settings: Any) -> dict[str, dict[str, float]]:
    """Reranker.rerank_run on `workers` actors of `threads` threads; `settings` are the Reranker's. Texts travel to the
    actors in rounds of `round_size` queries, so that a collection need not fit the object store."""
    settings = {**settings, "threads": threads}
    work = RunWork(Reranker(**settings), run=run, dataset=dataset, output=output, split=split, depth=depth, skip=skip,
                   queries=queries, shard=shard, top_k=top_k, restart=restart)

    def rows() -> Iterator[Any]:
        for block in blocks(work.requests(), round_size):
            data = ray.data.from_items([asdict(request) for request in block], override_num_blocks=max(1, len(block) // batch_size))
            ranked = data.map_batches(RankBatch, fn_constructor_kwargs={"settings": settings, "top_k": top_k},
                                      batch_format="pandas", batch_size=batch_size, num_cpus=threads,
                                      compute=ray.data.ActorPoolStrategy(size=workers))
            yield from ranked.iter_rows()

    for row in with_progress(rows(), progress, work.total, work.done):
        work.add(int(row["number"]), str(row["lines"]))
    return work.finish()


class PassageBuilder:
    """An actor that encodes the passages it is given. What is kept already costs it nothing, so a call that Ray makes again
    loses no work."""

    def __init__(self, settings: dict[str, Any]) -> None:
        self.reranker = Reranker(**settings)

    def build(self, ids: list[str], texts: list[str], titles: list[str]) -> dict[str, Any]:
        return build_list(self.reranker, _core.passage_list(ids, texts, titles))


def build_passages(corpus: Path | Iterable[Path], keep: Path, *, workers: int = 2, threads: int = 1, batch_size: int = 256,
                   shard: str | None = None, progress: bool | None = None, **settings: Any) -> dict[str, Any]:
    """headwise.build_passages on `workers` actors of `threads` threads, `batch_size` passages to a call. The texts travel
    from here to the actors; `keep` must be one that all of them reach: redis://host:port/db, or, on one machine, a folder."""
    passages = gather_passages(corpus, shard)
    actor = ray.remote(num_cpus=threads, max_restarts=-1, max_task_retries=-1)(PassageBuilder)
    pool = ray.util.ActorPool([actor.remote({**builder_settings(keep, settings), "threads": threads}) for _ in range(workers)])
    parts = list(range(0, len(passages), batch_size))
    reports = pool.map_unordered(lambda some, begin: some.build.remote(*passages.part(begin, begin + batch_size)), parts)
    return joined_reports(with_progress(reports, progress, len(parts), unit="batch"))
