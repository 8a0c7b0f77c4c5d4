# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""score_store and select_heads: the binary's stores and head sets, and going on after an interruption."""
import json
import subprocess
from pathlib import Path

import headwise
import pytest
from conftest import ENVIRONMENT

TINY = str(Path(__file__).resolve().parents[1] / "data" / "golden" / "models" / "tiny-qwen3")


def run(binary: Path, *arguments: object) -> str:
    done = subprocess.run([str(binary), *map(str, arguments)], env=ENVIRONMENT, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def judged(collection, tmp_path) -> Path:
    """Each query's first candidate is what it asks for."""
    lines = (collection / "run.trec").read_text().splitlines()
    first: dict[str, str] = {}
    for line in lines:
        query, _, document, *_ = line.split()
        first.setdefault(query, document)
    path = tmp_path / "qrels.tsv"
    path.write_text("query-id\tcorpus-id\tscore\n" + "".join(f"{query}\t{document}\t1\n" for query, document in first.items()))
    return path


def test_the_store_is_the_binarys(binary, collection, tmp_path):
    choice = {"depth": 4, "skip": 1, "shard": "2/2", "order": "reversed"}
    flags = [text for name, value in choice.items() for text in (f"--{name}", value)]
    run(binary, "heads", "score", "--model", TINY, "--dataset", collection, "--run", collection / "run.trec", "--output", tmp_path / "theirs",
        *flags)
    headwise.score_store(collection / "run.trec", tmp_path / "ours", dataset=collection, model=TINY, **choice)
    ours = files(tmp_path / "ours")
    assert ours == files(tmp_path / "theirs")
    assert sorted(ours) == ["00000.npy", "00001.npy", "00002.npy", "manifest.json"]


def test_a_finished_store_is_kept(collection, tmp_path):
    def store(**options):
        headwise.score_store(collection / "run.trec", tmp_path / "store", dataset=collection, model=TINY, queries=2, **options)

    store()
    before = files(tmp_path / "store")
    with pytest.raises(headwise.UsageError, match="is a finished head-score store"):
        store()
    store(restart=True)
    assert files(tmp_path / "store") == before


def test_an_interrupted_store_goes_on(collection, tmp_path, monkeypatch):
    from headwise import _heads

    def some(places, progress, total, done):
        for place in places:
            if place == 2:
                raise KeyboardInterrupt
            yield place

    arguments = {"dataset": collection, "model": TINY, "queries": 4}
    with monkeypatch.context() as patched:
        patched.setattr(_heads, "with_progress", some)
        with pytest.raises(KeyboardInterrupt):
            headwise.score_store(collection / "run.trec", tmp_path / "store", **arguments)
    assert sorted(files(tmp_path / "store")) == ["00000.npy", "00001.npy", "progress.partial"]
    read = []
    monkeypatch.setattr(_heads, "with_progress", lambda places, progress, total, done: read.extend(places) or places)
    headwise.score_store(collection / "run.trec", tmp_path / "store", **arguments)
    assert read == [2, 3]
    headwise.score_store(collection / "run.trec", tmp_path / "whole", **arguments)
    assert files(tmp_path / "store") == files(tmp_path / "whole")


@pytest.mark.parametrize("method, options", [("static", {"pool": 3}), ("qr", {"count": 2, "by_ndcg": True}),
                                             ("weighted", {"count": 3, "calibration": "na", "ridge": 0.5})])
def test_the_set_is_the_binarys(binary, collection, judged, tmp_path, method, options):
    headwise.score_store(collection / "run.trec", tmp_path / "store", dataset=collection, model=TINY)
    flags = [text for name, value in options.items()
             for text in ([f"--{name.replace('_', '-')}"] if value is True else [f"--{name.replace('_', '-')}", value])]
    run(binary, "heads", "select", "--store", tmp_path / "store", "--qrels", judged, "--method", method, *flags, "--output", tmp_path / "set.json")
    found = headwise.select_heads(tmp_path / "store", judged, method, **options)
    assert found == json.loads((tmp_path / "set.json").read_text())
    (tmp_path / "ours.json").write_text(json.dumps(found))
    reranker = headwise.Reranker(TINY, heads=tmp_path / "ours.json")
    assert [f"{head.layer}-{head.head}" for head in reranker.heads] == [head["head"] if isinstance(head, dict) else head for head in found["heads"]]


def test_a_list_of_heads_in_either_spelling():
    for heads in (["1-0", "0-1"], [(1, 0), (0, 1)], ["1-0", (0, 1)], iter(["1-0,0-1"])):
        assert [f"{head.layer}-{head.head}" for head in headwise.Reranker(TINY, heads=heads).heads] == ["1-0", "0-1"]


@pytest.mark.parametrize("arguments, message", [
    ({"method": "tea-leaves"}, "method: expected all, layers, qr"), ({"count": "many"}, "count: expected a number"),
    ({"calibration": "some"}, "calibration: expected ratio, na, none"), ({"colour": 1}, "no setting 'colour'")])
def test_what_is_no_selection(arguments, message, tmp_path):
    with pytest.raises(headwise.UsageError, match=message):
        headwise.select_heads(tmp_path, tmp_path, **arguments)
