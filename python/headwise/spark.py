# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Many queries on Spark, through DataFrame.mapInPandas; each Python worker loads the model once.

    headwise.spark.rerank_run(spark, "bm25.trec", dataset="dl19", output="reranked.trec")

The run file is the one that a single process writes, byte for byte. Finished queries are kept in OUTPUT.partial as they
come: Spark runs the tasks of a lost executor again, a killed driver goes on from the file.
"""
import pickle
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import pandas
from pyspark.sql import DataFrame, SparkSession

from ._progress import with_progress
from ._reranker import Reranker
from ._runs import Request, RunWork, blocks, rank_request
from ._values import Path

REQUEST_SCHEMA = ("number long, query_id string, query string, ids array<string>, texts array<string>, titles array<string>, "
                  "scores array<double>")
LINES_SCHEMA = "number long, lines string"


@lru_cache(maxsize=1)
def _reranker(settings: bytes) -> Reranker:
    return Reranker(**pickle.loads(settings))


def rank_frames(settings: dict[str, Any], top_k: int | None = None) -> "Callable[[Iterable[Any]], Iterator[Any]]":
    """For DataFrame.mapInPandas(rank_frames(settings), LINES_SCHEMA) on frames of REQUEST_SCHEMA."""
    key = pickle.dumps(settings)

    def rank(frames: Iterable[pandas.DataFrame]) -> Iterator[pandas.DataFrame]:
        for frame in frames:
            for row in frame.itertuples(index=False):
                request = Request(row.number, row.query_id, row.query, list(row.ids), list(row.texts), list(row.titles),
                                  [float(score) for score in row.scores])
                yield pandas.DataFrame({"number": [request.number], "lines": [rank_request(_reranker(key), request, top_k)]})

    return rank


def rerank_frame(frame: DataFrame, *, top_k: int | None = None, **settings: Any) -> DataFrame:
    """A frame of REQUEST_SCHEMA to one of LINES_SCHEMA, lazily."""
    return frame.mapInPandas(rank_frames(settings, top_k), LINES_SCHEMA)


def rerank_run(spark: SparkSession, run: Path, *, dataset: Path | None = None, output: Path, threads: int = 1,
               partition_size: int = 16, split: str | None = None, depth: int = 40, skip: int = 0, queries: int = 0,
               shard: str | None = None, top_k: int | None = None, restart: bool = False, progress: bool | None = None,
               round_size: int = 4096, **settings: Any) -> dict[str, dict[str, float]]:
    """Reranker.rerank_run in partitions of `partition_size` queries, `threads` threads to a task; `settings` are the
    Reranker's. A round of `round_size` queries is finished, and kept, before the next."""
    settings = {**settings, "threads": threads}
    work = RunWork(Reranker(**settings), run=run, dataset=dataset, output=output, split=split, depth=depth, skip=skip,
                   queries=queries, shard=shard, top_k=top_k, restart=restart)

    def rows() -> Iterator[Any]:
        for block in blocks(work.requests(), round_size):
            frame = spark.createDataFrame([tuple(asdict(request).values()) for request in block], REQUEST_SCHEMA)
            frame = frame.repartition(max(1, len(block) // partition_size))
            yield from rerank_frame(frame, top_k=top_k, **settings).collect()

    for row in with_progress(rows(), progress, work.total, work.done):
        work.add(row["number"], row["lines"])
    return work.finish()
