# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The class that users see. The work is in _core; what is here turns Python's values into the engine's and back."""
import asyncio
import json
import os
from collections.abc import Iterable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property, partial
from typing import Any

from . import _core
from ._documents import Document, Documents, read_documents
from ._errors import wrong_type
from ._explanation import Explanation, make_explanation
from ._progress import with_progress
from ._results import HeadId, HeadScores, Ranking, make_hits
from ._runs import rerank_run
from ._values import Path, flag, limit, setting, text


class Reranker:
    """A loaded model and how its heads are read.

    `model` is a .gguf file, a Hugging Face folder, the name of a model under $HEADWISE_HOME/models, or "smollm2" or None:
    the default model. What is not given is as the command line has it: the head set that ships for the model, read as it
    was found. `heads` takes "all", "8..11", "13-18,14-2", (layer, head) pairs, a head-set file or a published list's name;
    `fuse` a weight of the first stage such as 0.7, or "rrf"; `score` says what scores are: "raw", "relevance" (0 to 1, which
    compares between requests), "softmax" or "minmax"; `min_score` leaves out what scores less; `instruction` is what the
    model is asked to look for. docs/options.md says what each setting does.

    What passages were encoded to is kept, and a passage that comes again is not encoded again: in `keep_memory` bytes (1 GiB
    unless said otherwise, shared by all Rerankers of a model in the process; "512M" or a number, 0: nothing is kept) and, with
    `keep`, in a folder or behind redis://host:port/db.

    A passage that is longer than `max_words` or `max_tokens` is read in windows, and the best one counts (`long="cut"`: only
    what stands before the limit is read); an empty passage stands last. Each hit says so.

    May be shared by threads, which take turns (the GIL is released meanwhile), and pickled; after a fork each process
    needs one of its own."""

    def __init__(self, model: Path | None = None, *, heads: Path | Iterable[str | tuple[int, int]] | None = None,
                 router: Path | None = None, adapter: Path | None = None, encoding: str | None = None,
                 calibration: str | None = None, token_filter: str | None = None, filter_after_sum: bool = False,
                 rows: str | None = None, fuse: float | str | None = None, template: Path | None = None,
                 chat_format: str | None = None, order: str | None = None, seed: int | None = None,
                 max_words: int | None = None, max_tokens: int | None = None, long: str | None = None,
                 max_windows: int | None = None, max_prompt_tokens: int | None = None,
                 block_span: int | None = None, instruction: str | None = None, score: str | None = None,
                 min_score: float | None = None, keep_memory: int | str | None = None, keep: Path | None = None,
                 keep_store_bytes: int | str | None = None, keep_second_sight: bool = False, keep_type: str | None = None,
                 keep_budget: float | str | None = None, threads: int | None = None, weights: str | None = None, precision: str | None = None,
                 device: str | None = None, full_depth: bool = False) -> None:
        given = {
            "model": model, "heads": heads, "router": router, "adapter": adapter, "encoding": encoding,
            "calibration": calibration, "token_filter": token_filter, "filter_after_sum": filter_after_sum, "rows": rows,
            "fuse": fuse, "template": template, "chat_format": chat_format, "order": order, "seed": seed,
            "max_words": max_words, "max_tokens": max_tokens, "long": long, "max_windows": max_windows,
            "max_prompt_tokens": max_prompt_tokens, "block_span": block_span, "instruction": instruction, "score": score,
            "min_score": min_score, "keep_memory": keep_memory, "keep": keep, "keep_store_bytes": keep_store_bytes,
            "keep_second_sight": keep_second_sight, "keep_type": keep_type,
            "keep_budget": keep_budget, "threads": threads, "weights": weights, "precision": precision,
            "device": device, "full_depth": full_depth,
        }
        self._start({name: setting(name, value) for name, value in given.items() if value is not None})

    def _start(self, given: dict[str, Any]) -> None:
        self._given = given
        self._engine = _core.Engine(given)
        self._waiting: ThreadPoolExecutor | None = None  # of arank

    def __reduce__(self) -> tuple[Any, ...]:
        return _remake, (self._given,)

    def __repr__(self) -> str:
        return f"<headwise.Reranker {self._engine.fingerprint}, {len(self.heads)} heads>"

    @cached_property
    def _over_data_sets(self) -> "Reranker":
        """What ranks data sets: long passages are cut, unless something else was asked for, as the command line does it."""
        if "long" in self._given:
            return self
        made = Reranker.__new__(Reranker)
        made._given, made._engine, made._waiting = {**self._given, "long": "cut"}, self._engine.cut(), None
        return made

    @property
    def heads(self) -> list[HeadId]:
        """The heads read, in reading order (a router chooses others for each query)."""
        return [HeadId(*head) for head in self._engine.heads]

    @property
    def model_path(self) -> str:
        return os.fsdecode(self._engine.model_path)

    @property
    def fingerprint(self) -> str:
        """Names the model's weights whatever the file is called: "llama-30x9-576-<16 hex digits>"."""
        return self._engine.fingerprint

    @property
    def settings(self) -> dict[str, Any]:
        """Everything that can change a score, as it took effect, by the command line's names."""
        settings: dict[str, Any] = json.loads(self._engine.settings_json)
        return settings

    def rank(self, query: str, documents: Iterable[Document], *, top_k: int | None = None,
             scores: Sequence[float] | None = None, score: str | None = None, min_score: float | None = None,
             instruction: str | None = None) -> Ranking:
        """The passages, best first: all, or the best `top_k`. `scores` are the first stage's, for `fuse`.

        `score`, `min_score` and `instruction` are the Reranker's own where they are not given."""
        wishes = _wishes(score=score, min_score=min_score, instruction=instruction)
        end = limit(top_k)
        return self._rank(query, read_documents(documents, scores), end, wishes)

    async def arank(self, query: str, documents: Iterable[Document], *, top_k: int | None = None,
                    scores: Sequence[float] | None = None, score: str | None = None, min_score: float | None = None,
                    instruction: str | None = None) -> Ranking:
        """rank for asyncio: the loop goes on meanwhile. Calls of one Reranker are answered in turn; one that is cancelled
        (a time-out, a client that went away) leaves the queue, or stops at the model's next layer."""
        wishes = _wishes(score=score, min_score=min_score, instruction=instruction)
        read, end, stop = read_documents(documents, scores), limit(top_k), _core.StopFlag()
        if self._waiting is None:
            self._waiting = ThreadPoolExecutor(1, "headwise")
        work = partial(self._rank, text(query, "query"), read, end, wishes, stop)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._waiting, work)
        except asyncio.CancelledError:
            stop.set()
            raise

    def _rank(self, query: str, documents: Documents, end: int | None, wishes: dict[str, Any] | None = None,
              stop: _core.StopFlag | None = None) -> Ranking:
        ranking = self._engine.rank(text(query, "query"), documents.texts, documents.titles, documents.scores, wishes or {}, stop)
        hits = make_hits(documents, ranking.indices[:end], ranking.scores[:end], ranking.readings[:end])
        return Ranking(hits, [HeadId(*head) for head in ranking.heads], {**ranking.statistics, "seconds": ranking.seconds})

    def rank_many(self, requests: Iterable[tuple[str, Iterable[Document]]], *, top_k: int | None = None,
                  score: str | None = None, min_score: float | None = None, instruction: str | None = None,
                  progress: bool | None = None) -> list[Ranking]:
        """One ranking for each (query, documents), with a bar where tqdm is installed and stderr is a terminal."""
        if isinstance(requests, (str, bytes)) or not isinstance(requests, Iterable):
            raise wrong_type("requests", "a list of (query, documents) pairs", requests)
        total = len(requests) if isinstance(requests, Sized) else None
        return [self.rank(*_request(request, place), top_k=top_k, score=score, min_score=min_score, instruction=instruction)
                for place, request in enumerate(with_progress(requests, progress, total))]

    def keep_passages(self, documents: Iterable[Document], *, progress: bool | None = None) -> dict[str, int]:
        """Encodes passages and keeps them, no question asked, for rankings to come; those that are kept already are left.

        Says how many were `encoded` and `kept_before`, what that took (`tokens_run`) and the `bytes` of what was encoded."""
        read = read_documents(documents)
        step = 256  # a bar moves, and what is in hand stays small
        total = dict.fromkeys(("encoded", "kept_before", "tokens_run", "truncated_passages", "bytes"), 0)
        for begin in with_progress(range(0, len(read.texts), step), progress, -(-len(read.texts) // step)):
            titles = read.titles[begin:begin + step] if read.titles else None
            for name, count in self._engine.keep_passages(read.texts[begin:begin + step], titles).items():
                total[name] += count
        return total

    @property
    def kept(self) -> dict[str, int]:
        """Of the memory and store that this Reranker keeps passages in, since the process began: `hits`, `store_hits` and
        `misses`; `passages` and `bytes` in memory now, and `evictions`; `store_errors`."""
        return self._engine.kept

    def head_scores(self, query: str, documents: Iterable[Document]) -> HeadScores:
        """What every head read pays to every passage, before anything is summed. heads="all" reads all."""
        read = read_documents(documents)
        scores = self._engine.head_scores(text(query, "query"), read.texts, read.titles, read.scores)
        return HeadScores([HeadId(*head) for head in scores.heads], scores.values, scores.prompt_order,
                          (self._engine.layers, self._engine.heads_per_layer), scores.statistics)

    def explain(self, query: str, documents: Iterable[Document], *, top_k: int | None = None, per_head: bool = False,
                scores: Sequence[float] | None = None, instruction: str | None = None) -> Explanation:
        """What rank gives of raw scores, with every score split over tokens and heads."""
        end = limit(top_k)
        read = read_documents(documents, scores)
        raw = self._engine.explain(text(query, "query"), read.texts, read.titles, read.scores, flag(per_head, "per_head"),
                                   _wishes(instruction=instruction))
        return make_explanation(raw, query, read, end)

    def rerank_run(self, run: Path, *, dataset: Path | None = None, output: Path | None = None, split: str | None = None,
                   depth: int = 40, skip: int = 0, queries: int = 0, shard: str | None = None, top_k: int | None = None,
                   restart: bool = False, progress: bool | None = None) -> dict[str, dict[str, float]]:
        """Re-ranks the best `depth` of every query of a first-stage run: `headwise rerank --dataset --run`, same bytes.
        Long passages are cut, unless the Reranker was made with long="chunk".

        Gives {query: {document: score}}, as pytrec_eval and ranx take it. With `output` a TREC run is written; finished
        queries are kept in OUTPUT.partial, and the same call goes on from there after an interruption."""
        return rerank_run(self, run=run, dataset=dataset, output=output, split=split, depth=depth, skip=skip, queries=queries,
                          shard=shard, top_k=top_k, restart=restart, progress=progress)


def _wishes(**given: Any) -> dict[str, Any]:
    """What one call says otherwise than the Reranker, by its settings' names."""
    return {name: setting(name, value) for name, value in given.items() if value is not None}


def _request(request: tuple[str, Iterable[Document]], place: int) -> tuple[str, Iterable[Document]]:
    if isinstance(request, (str, bytes)) or not isinstance(request, Sequence) or len(request) != 2:
        raise wrong_type(f"requests[{place}]", "a (query, documents) pair", request)
    return request[0], request[1]


def _remake(given: dict[str, Any]) -> Reranker:
    made = Reranker.__new__(Reranker)
    made._start(given)
    return made
