# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""rerank_run: the binary's bytes, kept finished queries, and the binary's own partial files."""
import json
import subprocess
import sys
import textwrap
import time

import headwise
import pytest
from conftest import ENVIRONMENT, FACTS, LOW


def test_same_bytes_as_the_binary(reranker, collection, whole_run, tmp_path):
    output = tmp_path / "out.trec"
    results = reranker.rerank_run(collection / "run.trec", dataset=collection, output=output)
    assert output.read_bytes() == whole_run
    assert not (tmp_path / "out.trec.partial").exists()
    assert list(results) == [f"q{place}" for place in range(7)]
    expected: dict = {}
    for line in whole_run.decode().splitlines():
        query, _, document, _, score, _ = line.split()
        expected.setdefault(query, {})[document] = float(score)
    assert results == expected
    assert reranker.rerank_run(collection / "run.trec", dataset=collection) == expected  # without a file


def test_choice_of_queries(reranker, binary, collection, tmp_path):
    choice = {"depth": 3, "skip": 1, "queries": 4, "shard": "1/2", "top_k": 2}
    reranker.rerank_run(collection / "run.trec", dataset=collection, output=tmp_path / "ours", **choice)
    flags = [text for name, value in choice.items() for text in (f"--{name.replace('_', '-')}", str(value))]
    subprocess.run([str(binary), "rerank", "--dataset", str(collection), "--run", str(collection / "run.trec"), "--heads", LOW,
                    "--output", str(tmp_path / "theirs"), *flags], check=True, env=ENVIRONMENT, capture_output=True)
    assert (tmp_path / "ours").read_bytes() == (tmp_path / "theirs").read_bytes() != b""


def test_a_killed_script_goes_on_also_as_the_binary(reranker, binary, collection, whole_run, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(textwrap.dedent(f"""
        import os, signal, headwise
        from headwise import _runs
        reranker = headwise.Reranker(heads="{LOW}")
        work = _runs.RunWork(reranker, run=r"{collection}/run.trec", dataset=r"{collection}", output=r"{tmp_path}/out.trec", split=None,
                             depth=40, skip=0, queries=0, shard=None, top_k=None, restart=False)
        for request in list(work.requests())[:3]:
            work.add(request.number, _runs.rank_request(reranker, request))
        os.kill(os.getpid(), signal.SIGKILL)
    """))
    partial = tmp_path / "out.trec.partial"
    command = [str(binary), "rerank", "--dataset", str(collection), "--run", str(collection / "run.trec"), "--heads", LOW, "--output",
               str(tmp_path / "out.trec")]
    for goes_on in ("python", "binary"):
        assert subprocess.run([sys.executable, str(script)]).returncode == -9
        assert partial.read_bytes().count(b"\n") == 4 and not (tmp_path / "out.trec").exists()
        if goes_on == "python":
            reranker.rerank_run(collection / "run.trec", dataset=collection, output=tmp_path / "out.trec")
        else:
            done = subprocess.run(command, check=True, env=ENVIRONMENT, capture_output=True)
            assert b"3 of 7 queries are done" in done.stderr
        assert (tmp_path / "out.trec").read_bytes() == whole_run and not partial.exists()
        (tmp_path / "out.trec").unlink()


def test_ids_may_hold_what_else_splits_lines_and_words(reranker, tmp_path):
    ids = ["a\u2028b", "c\u00a0d", "e\x1cf"]
    (tmp_path / "corpus.jsonl").write_text("".join(json.dumps({"_id": name, "text": fact}) + "\n" for name, fact in zip(ids, FACTS)))
    (tmp_path / "queries.jsonl").write_text(json.dumps({"_id": "q\u2028", "text": "who wrote Emma?"}) + "\n")
    (tmp_path / "run.trec").write_text("".join(f"q\u2028 Q0 {name} {rank} {9 - rank} test\n" for rank, name in enumerate(ids, 1)))
    results = reranker.rerank_run(tmp_path / "run.trec", dataset=tmp_path, output=tmp_path / "out.trec")
    assert set(results) == {"q\u2028"} and set(results["q\u2028"]) == set(ids)


def test_a_partial_file_of_other_settings_is_refused(reranker, collection, tmp_path):
    (tmp_path / "out.partial").write_text('{"headwise_partial": 1}\n')
    with pytest.raises(headwise.UsageError):
        reranker.rerank_run(collection / "run.trec", dataset=collection, output=tmp_path / "out")
    reranker.rerank_run(collection / "run.trec", dataset=collection, output=tmp_path / "out", restart=True)


def test_errors(reranker, collection, tmp_path):
    with pytest.raises(headwise.DataError, match="run"):
        reranker.rerank_run(tmp_path / "none.trec", dataset=collection)
    with pytest.raises(headwise.UsageError, match="shard: expected i/n"):
        reranker.rerank_run(collection / "run.trec", dataset=collection, shard="3/2")
    with pytest.raises(headwise.UsageError, match="depth: expected a whole number of 0 to"):
        reranker.rerank_run(collection / "run.trec", dataset=collection, depth=-1)


def test_overhead_of_python_is_small(reranker):
    """Under 1 ms plus 1 % of the time on an idle machine (bench/races/python_overhead.py); here the best of many calls, so
    that a busy machine says nothing."""
    documents = [f"Passage {place} is about copper, glass, bees or the Moon." for place in range(40)]
    best = 1e9
    for _ in range(10):
        began = time.perf_counter()
        seconds = reranker.rank("what is glass made of?", documents).statistics["seconds"]
        best = min(best, time.perf_counter() - began - seconds * 1.01)
    assert best < 0.001
