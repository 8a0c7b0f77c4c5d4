# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""arank: the ranking of rank, an event loop that goes on, calls that are cancelled."""
import asyncio
import pickle
import time

import headwise
import pytest
from conftest import FACTS, LOW

LONG = [" ".join(f"word{(n * place) % 9973}" for n in range(80)) for place in range(1, 61)]


def pairs(ranking):
    return [(hit.index, hit.score) for hit in ranking]


def test_the_same_ranking_many_at_once(reranker):
    async def all_at_once():
        return await asyncio.gather(*(reranker.arank(f"who wrote Emma {number}?", FACTS, top_k=3) for number in range(5)))

    for number, ranking in enumerate(asyncio.run(all_at_once())):
        assert pairs(ranking) == pairs(reranker.rank(f"who wrote Emma {number}?", FACTS, top_k=3))
        assert ranking[0].document is FACTS[ranking[0].index]


def test_the_loop_goes_on(model):
    slow = headwise.Reranker(heads=LOW, keep_memory=0)

    async def watch():
        ranking = asyncio.create_task(slow.arank("who wrote Emma?", LONG))
        beats = 0
        while not ranking.done():
            await asyncio.sleep(0.005)
            beats += 1
        return beats, ranking.result()

    beats, ranking = asyncio.run(watch())
    assert beats >= 5 and ranking.statistics["seconds"] > 0.02


def test_cancelled_in_the_engine_and_in_the_queue(model):
    slow = headwise.Reranker(heads=LOW, keep_memory=0)

    async def whole():
        began = time.monotonic()
        await slow.arank("what is it?", LONG)
        return time.monotonic() - began

    async def given_up():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(slow.arank("what is it?", LONG), 0.05)
        waiting = [asyncio.create_task(slow.arank("what is it?", LONG)) for _ in range(4)]
        await asyncio.sleep(0.05)
        for task in waiting:
            task.cancel()
        ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert all(isinstance(end, asyncio.CancelledError) for end in ended)
        began = time.monotonic()
        ranking = await slow.arank("who wrote Emma?", FACTS)  # the engine is free again
        return time.monotonic() - began, ranking

    needed = asyncio.run(whole())
    waited, ranking = asyncio.run(given_up())
    assert waited < 2 * needed  # five of that length were asked for, and none ran to its end
    assert pairs(ranking) == pairs(slow.rank("who wrote Emma?", FACTS))


def test_errors_come_through_and_pickles_go_on(reranker):
    with pytest.raises(headwise.DataError, match="query is empty"):
        asyncio.run(reranker.arank("  ", FACTS))
    with pytest.raises(headwise.ArgumentTypeError, match="query: expected str, found int"):
        asyncio.run(reranker.arank(5, FACTS))
    copy = pickle.loads(pickle.dumps(reranker))
    assert pairs(asyncio.run(copy.arank("who wrote Emma?", FACTS))) == pairs(reranker.rank("who wrote Emma?", FACTS))
