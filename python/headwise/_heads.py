# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Heads found in data: head-score stores made, and heads selected in them; what `heads score` and `heads select` do."""
import json
from collections.abc import Iterable
from typing import Any

from . import _core
from ._progress import with_progress
from ._reranker import Reranker
from ._runs import gather
from ._values import Path, flag, path_bytes, path_list, text, whole


def score_store(run: Path, output: Path, *, dataset: Path | None = None, split: str | None = None, depth: int = 40,
                skip: int = 0, queries: int = 0, shard: str | None = None, restart: bool = False,
                progress: bool | None = None, **settings: Any) -> None:
    """Reads the best `depth` candidates of every query of a first-stage run with every head, into the folder `output`:
    `headwise heads score`, same bytes. `settings` are the Reranker's. Finished queries are kept: the same call goes on
    from there after an interruption; `restart` writes over what is there."""
    folder, again = path_bytes(output, "output"), flag(restart, "restart")
    reranker = Reranker(**{"long": "cut", **settings, "heads": "all"})
    work = gather(run=run, dataset=dataset, split=split, depth=depth, skip=skip, queries=queries, shard=shard)
    store = _core.open_store(reranker._engine, work, folder, again)
    for place in with_progress(store.remaining(), progress, len(store), store.done):
        store.read(reranker._engine, place)
    store.finish()


def select_heads(stores: Path | Iterable[Path], qrels: Path | Iterable[Path], method: str = "static", *, threads: int = 0,
                 **options: Any) -> dict[str, Any]:
    """Finds heads in head-score stores: `headwise heads select`, the same head set, as the file has it (docs/formats.md).

    One file of judgements for all stores, or one for each. `options` are the verb's, by its flags' names: count, max_layer,
    calibration, token_filter, balance, and each method's own. json.dump the set into a file, and a Reranker takes it as
    `heads`."""
    found = _core.select_heads(path_list(stores, "stores"), path_list(qrels, "qrels"), text(method, "method"), options,
                               whole(threads, "threads"))
    head_set: dict[str, Any] = json.loads(found)
    return head_set
