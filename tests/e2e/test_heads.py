# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`heads score` and `heads select`: every method against an independent numpy version on the same store, the store itself
against `rerank`, and answers to damaged files."""
import json
import shutil
import subprocess

import numpy as np
import pytest

from conftest import ROOT, must_run, run
from head_stores import Reference, as_pairs, write_store

TINY = ROOT / "tests" / "data" / "golden" / "models" / "tiny-qwen3"


@pytest.fixture(scope="module")
def binary(build):
    return build / "headwise"


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return write_store(tmp_path_factory.mktemp("store"))


def select(binary, store, *flags):
    return json.loads(must_run(binary, "heads", "select", "--store", store, "--qrels", store / "qrels.tsv", "--json", *flags))


@pytest.mark.parametrize("calibration", ["none", "na", "ratio"])
@pytest.mark.parametrize("method", ["layers", "qr", "core", "headrank", "static"])
def test_methods_against_numpy(binary, store, method, calibration):
    reference = Reference(store, calibration)
    found = select(binary, store, "--method", method, "--calibration", calibration)
    heads, scores = getattr(reference, method)()
    assert as_pairs(found["heads"]) == heads
    if scores is not None:
        assert found["head_scores"] == pytest.approx(scores, abs=1e-6)
    assert found["ndcg@10"] == pytest.approx(reference.ndcg(heads), abs=1e-9)


@pytest.mark.parametrize("flags", [{}, {"ridge": 0.02}, {"count": 5}, {"count": 5, "ridge": 30}])
@pytest.mark.parametrize("calibration", ["none", "na", "ratio"])
def test_weighted_against_newton(binary, store, calibration, flags):
    reference = Reference(store, calibration)
    found = select(binary, store, "--method", "weighted", "--calibration", calibration,
                   *(part for name, value in flags.items() for part in (f"--{name}", value)))
    heads, sizes, weights = reference.weighted(**flags)
    assert as_pairs(found["heads"]) == heads
    assert found["head_scores"] == pytest.approx(sizes, abs=1e-5)
    assert found["weights"] == pytest.approx(weights, rel=1e-5, abs=1e-5)
    assert found["ndcg@10"] == pytest.approx(reference.weighted_ndcg(heads, weights), abs=1e-9)


def split_store(store, tmp_path, first):
    """The store's first queries and the rest, as two stores."""
    manifest = json.loads((store / "manifest.json").read_text())
    parts = [tmp_path / "a", tmp_path / "b"]
    for folder, chosen in zip(parts, (range(first), range(first, 24))):
        folder.mkdir()
        for place, q in enumerate(chosen):
            shutil.copy(store / f"{q:05d}.npy", folder / f"{place:05d}.npy")
        (folder / "manifest.json").write_text(json.dumps({**manifest, "queries": [manifest["queries"][q] for q in chosen]}))
    return parts


@pytest.mark.parametrize("method", ["layers", "qr", "core", "headrank", "static", "weighted"])
def test_stores_that_count_the_same(binary, store, tmp_path, method):
    a, b = split_store(store, tmp_path, 5)
    found = json.loads(must_run(binary, "heads", "select", "--store", a, "--store", b, "--qrels", store / "qrels.tsv", "--json",
                                "--calibration", "na", "--method", method, "--balance", "stores"))
    reference = Reference(store, "na", [1 / (2 * 5)] * 5 + [1 / (2 * 19)] * 19)
    heads, scores, *weights = getattr(reference, method)()
    assert as_pairs(found["heads"]) == heads
    if scores is not None:
        assert found["head_scores"] == pytest.approx(scores, abs=1e-5 if weights else 1e-6)
    if weights:
        assert found["weights"] == pytest.approx(weights[0], rel=1e-5, abs=1e-5)
        assert found["ndcg@10"] == pytest.approx(reference.weighted_ndcg(heads, weights[0]), abs=1e-9)
    else:
        assert found["ndcg@10"] == pytest.approx(reference.ndcg(heads), abs=1e-9)
    evenly = select(binary, store, "--method", method, "--calibration", "na")
    assert found["ndcg@10"] != pytest.approx(evenly["ndcg@10"], abs=1e-9)


def test_all_random_and_flags(binary, store):
    reference = Reference(store, "ratio")
    assert as_pairs(select(binary, store, "--method", "all")["heads"]) == reference.every
    one, again, other = (select(binary, store, "--method", "random", "--seed", s)["heads"] for s in (1, 1, 2))
    assert one == again != other and len(set(one)) == 8
    shallow = as_pairs(select(binary, store, "--method", "static", "--max-layer", 1, "--count", 3)["heads"])
    assert len(shallow) <= 3 and all(layer <= 1 for layer, _ in shallow)
    hot = as_pairs(select(binary, store, "--method", "core", "--temperature", 0.1)["heads"])
    assert hot == reference.core(t=0.1)[0]
    by_ndcg = as_pairs(select(binary, store, "--method", "qr", "--by-ndcg", "--count", 5)["heads"])
    assert by_ndcg == reference.by_mean(lambda q, h: reference.ndcg_of(q[1][h], q), 5)[0]
    assert select(binary, store, "--threads", 1) == select(binary, store, "--threads", 3)


def test_two_stores_are_used_as_one(binary, store, tmp_path):
    halves = split_store(store, tmp_path, 12)
    both = json.loads(must_run(binary, "heads", "select", "--store", halves[0], "--store", halves[1], "--qrels",
                               store / "qrels.tsv", "--json", "--method", "headrank"))
    whole = select(binary, store, "--method", "headrank")
    assert both["heads"] == whole["heads"] and both["head_scores"] == pytest.approx(whole["head_scores"], abs=1e-12)


@pytest.mark.parametrize("form", ["headwise", "qrhead", "core"])
def test_head_set_files(binary, store, tmp_path, form):
    path = tmp_path / "heads.out"
    must_run(binary, "heads", "select", "--store", store, "--qrels", store / "qrels.tsv", "--method", "core", "--format", form,
             "--output", path)
    heads = as_pairs(select(binary, store, "--method", "core")["heads"])
    text = path.read_text()
    if form == "qrhead":
        assert text == 'attn_head_set: "' + ",".join(f"{a}-{b}" for a, b in heads) + '"\n'
    else:
        read = json.loads(text)
        assert as_pairs(read["heads"] if form == "headwise" else read) == heads


def damage(store, tmp_path, change):
    folder = tmp_path / "damaged"
    shutil.copytree(store, folder)
    change(folder)
    return folder


def edit_manifest(**members):
    def change(folder):
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").write_text(json.dumps({**manifest, **members}))
    return change


def with_nan(folder):
    values = np.load(folder / "00003.npy")
    values[0, 1, 1, 1] = np.nan
    np.save(folder / "00003.npy", values)


@pytest.mark.parametrize("change, status, words", [
    (lambda f: (f / "00002.npy").write_bytes((f / "00002.npy").read_bytes()[:-5]), 3, "truncated"),
    (lambda f: (f / "00002.npy").write_bytes(b"no array"), 3, "magic number|needs|.npy file"),
    (lambda f: np.save(f / "00002.npy", np.zeros((3, 2, 2, 2))), 3, "float32"),
    (lambda f: np.save(f / "00002.npy", np.zeros((3, 2, 2, 2), "<f4")), 3, "expected shape"),
    (with_nan, 3, "not a finite number"),
    (lambda f: (f / "00002.npy").unlink(), 3, "is missing"),
    (lambda f: (f / "manifest.json").unlink(), 3, "has no manifest.json"),
    (lambda f: (f / "manifest.json").write_text('{"format": "headwise'), 3, "manifest.json"),
    (edit_manifest(format="x"), 3, "expected \"format\""),
    (edit_manifest(layers="five"), 3, "'layers' is missing or of the wrong type"),
    (edit_manifest(queries=[]), 3, "at least one query"),
    (lambda f: (f / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nother\td\t1\n"), 3, "no query is left"),
])
def test_damaged_stores(binary, store, tmp_path, change, status, words):
    folder = damage(store, tmp_path, change)
    output = tmp_path / "heads.json"
    done = run(binary, "heads", "select", "--store", folder, "--qrels", folder / "qrels.tsv", "--output", output)
    assert done.returncode == status, done.stderr
    assert any(word in done.stderr for word in words.split("|")), done.stderr
    assert done.stdout == "" and not output.exists()


def test_stores_that_do_not_fit_together(binary, store, tmp_path):
    other = damage(store, tmp_path, edit_manifest(encoding="list"))
    done = run(binary, "heads", "select", "--store", store, "--store", other, "--qrels", store / "qrels.tsv")
    assert done.returncode == 3 and 'encoding is "blocks" in the first and "list" in the second' in done.stderr


@pytest.mark.parametrize("left, right, words", [
    ({"long": "cut"}, {"long": "chunk"}, 'long is "cut" in the first and "chunk" in the second'),
    ({"max_tokens": 1024}, {"max_tokens": 0}, "max_tokens is 1024 in the first and 0 in the second"),
    ({"long": "chunk", "max_windows": 32}, {"long": "chunk", "max_windows": 4}, "max_windows is 32 in the first and 4 in the second"),
    ({"keep_budget": "1"}, {"keep_budget": "1,split=join:1"}, 'keep_budget is "1" in the first and "1,split=join:1" in the second'),
    ({"keep_type": "int8"}, {"keep_type": "fp32"}, 'keep_type is "int8" in the first and "fp32" in the second'),
    ({"long": "cut", "max_tokens": 1024}, {}, None),  # of before these were named
    ({}, {"long": "chunk"}, None),
    ({"long": "cut"}, {"long": 1}, "member 'long' is missing or of the wrong type"),
    ({}, {"max_tokens": -1}, "member 'max_tokens' is missing or of the wrong type"),
    ({"max_words": 80}, {"max_words": 100}, None),
])
def test_stores_that_read_long_passages_otherwise(binary, store, tmp_path, left, right, words):
    made = []
    for name, members in (("left", left), ("right", right)):
        (tmp_path / name).mkdir()
        made += ["--store", damage(store, tmp_path / name, edit_manifest(**members))]
    done = run(binary, "heads", "select", *made, "--qrels", store / "qrels.tsv", "--method", "random", "--output", tmp_path / "heads.json")
    assert done.returncode == (0 if words is None else 3), done.stderr
    assert words is None or words in done.stderr
    # A store between them that names nothing hides nothing.
    if words and " in the second" in words:
        between = run(binary, "heads", "select", "--store", store, *made, "--qrels", store / "qrels.tsv")
        assert between.returncode == 3 and words in between.stderr


@pytest.fixture(scope="module")
def collection(tmp_path_factory):
    folder = tmp_path_factory.mktemp("collection")
    words = "tea leaf of the northern sea and a lamp in its tower".split()
    (folder / "corpus.jsonl").write_text("".join(json.dumps(
        {"_id": f"d{d}", "title": "", "text": " ".join(words[(d * 3 + i * (d + 1)) % len(words)] for i in range(6 + d))}) + "\n"
        for d in range(5)))
    (folder / "queries.jsonl").write_text("".join(
        json.dumps({"_id": q, "text": text}) + "\n" for q, text in (("q1", "the lamp?"), ("q2", "tea of the sea"), ("q3", "leaf"))))
    (folder / "run.trec").write_text("".join(
        f"{q} Q0 d{d} {d + 1} {9 - d} first\n" for q in ("q1", "q2", "q3") for d in range(4)))
    return folder


def score(binary, collection, output, *flags):
    return run(binary, "heads", "score", "--dataset", collection, "--run", collection / "run.trec", "--model", TINY,
               "--output", output, *flags)


@pytest.mark.parametrize("order", ["given", "reversed", "shuffled"])
@pytest.mark.parametrize("encoding", ["list", "blocks"])
def test_a_store_holds_what_rerank_adds_up(binary, collection, tmp_path, encoding, order):
    store = tmp_path / "store"
    assert score(binary, collection, store, "--encoding", encoding, "--order", order).returncode == 0
    manifest = json.loads((store / "manifest.json").read_text())
    assert [q["id"] for q in manifest["queries"]] == ["q1", "q2", "q3"]
    if order == "reversed":
        assert manifest["queries"][0]["candidates"] == ["d3", "d2", "d1", "d0"]
    for calibration, total in (("none", lambda v: v[0]), ("na", lambda v: v[2]),
                               ("ratio", lambda v: np.log(v[0] + 1e-7) - np.log(v[1] + 1e-7))):
        lines = must_run(binary, "rerank", "--dataset", collection, "--run", collection / "run.trec", "--model", TINY,
                         "--encoding", encoding, "--order", order, "--calibration", calibration, "--format", "jsonl")
        for q, line in enumerate(lines.splitlines()):
            values = np.load(store / f"{q:05d}.npy").astype(float)
            ours = dict(zip(manifest["queries"][q]["candidates"], total(values).sum(axis=(0, 1))))
            answer = json.loads(line)
            assert answer["query_id"] == manifest["queries"][q]["id"]
            for result in answer["results"]:
                assert ours[result["id"]] == pytest.approx(result["score"], rel=1e-4, abs=1e-5)


def test_a_killed_store_goes_on(binary, collection, tmp_path):
    whole = tmp_path / "whole"
    assert score(binary, collection, whole).returncode == 0
    process = subprocess.Popen([binary, "heads", "score", "--dataset", collection, "--run", collection / "run.trec", "--model",
                                TINY, "--output", tmp_path / "killed"], stderr=subprocess.DEVNULL)
    while not (tmp_path / "killed" / "00000.npy").exists() and process.poll() is None:
        pass
    process.kill()
    process.wait()
    assert score(binary, collection, tmp_path / "killed").returncode == 0
    for name in ("manifest.json", "00000.npy", "00001.npy", "00002.npy"):
        assert (tmp_path / "killed" / name).read_bytes() == (whole / name).read_bytes()
    assert not (tmp_path / "killed" / "progress.partial").exists()


def test_a_finished_store_is_not_written_over(binary, collection, tmp_path):
    assert score(binary, collection, tmp_path / "s").returncode == 0
    again = score(binary, collection, tmp_path / "s")
    assert again.returncode == 2 and "--restart" in again.stderr
    assert score(binary, collection, tmp_path / "s", "--restart", "--queries", 1).returncode == 0
    skipped = score(binary, collection, tmp_path / "t", "--skip", 2)
    assert skipped.returncode == 0
    assert [q["id"] for q in json.loads((tmp_path / "t" / "manifest.json").read_text())["queries"]] == ["q3"]
    assert score(binary, collection, tmp_path / "u", "--skip", 3).returncode == 2


def test_a_store_names_what_it_did_with_long_passages(binary, collection, tmp_path):
    for flags, members in (([], {"max_words": 300, "max_tokens": 1024, "long": "cut"}),
                           (["--max-tokens", 64], {"max_words": 300, "max_tokens": 64, "long": "cut"}),
                           (["--long", "chunk", "--max-words", 5, "--max-windows", 3], {"max_words": 5, "max_tokens": 1024, "long": "chunk", "max_windows": 3})):
        folder = tmp_path / "-".join(map(str, ["s", *flags]))
        assert score(binary, collection, folder, *flags).returncode == 0
        manifest = json.loads((folder / "manifest.json").read_text())
        assert {name: manifest.get(name) for name in ("max_words", "max_tokens", "long", "max_windows") if name in manifest} == members


def test_heads_of_a_store_with_a_budget_are_read_with_it(binary, collection, tmp_path):
    qrels = tmp_path / "qrels.tsv"
    qrels.write_text("query-id\tcorpus-id\tscore\nq1\td1\t1\nq2\td2\t1\nq3\td0\t1\n")
    for name, flags in (("whole", []), ("join", ["--keep-budget", "1,split=join:1"])):
        assert score(binary, collection, tmp_path / name, *flags).returncode == 0
        select = [binary, "heads", "select", "--store", tmp_path / name, "--qrels", qrels]
        assert run(*select, "--output", tmp_path / f"{name}.json").returncode == 0
    whole, join = (json.loads((tmp_path / f"{name}.json").read_text()) for name in ("whole", "join"))
    assert "keep_budget" not in whole and join["keep_budget"] == "1,split=join:1"
    labels = run(binary, "route", "label", "--store", tmp_path / "join", "--qrels", qrels, "--output", tmp_path / "labels.json")
    assert labels.returncode == 2 and "read with --keep-budget 1,split=join:1, which a router does not name" in labels.stderr, labels.stderr


@pytest.mark.parametrize("first, second, word", [
    ([], ["--max-tokens", 6], "max-tokens"), ([], ["--long", "chunk"], "long"), (["--long", "chunk", "--max-windows", 2], ["--long", "chunk"], "max-windows"),
])
def test_a_store_begun_otherwise_is_not_gone_on_with(binary, collection, tmp_path, first, second, word):
    whole, half = tmp_path / "whole", tmp_path / "half"
    (half / "00002.npy").mkdir(parents=True)  # what ends the first run
    assert score(binary, collection, half, *first).returncode != 0 and (half / "progress.partial").exists()
    (half / "00002.npy").rmdir()
    refused = score(binary, collection, half, *second)
    assert refused.returncode == 2 and word in refused.stderr, refused.stderr
    assert score(binary, collection, half, *first).returncode == 0
    assert score(binary, collection, whole, *first).returncode == 0
    assert (half / "manifest.json").read_bytes() == (whole / "manifest.json").read_bytes()


def test_usage(binary, tmp_path):
    for arguments, words in ((["heads"], "no verb was given"), (["heads", "slect"], "did you mean 'select'"),
                             (["heads", "select"], "--store FOLDER and --qrels FILE are needed"),
                             (["heads", "select", "--method", "best"], "--method"),
                             (["heads", "score", "--output", "x"], "--run FILE")):
        done = run(binary, *arguments, cwd=tmp_path)
        assert done.returncode == 2 and words in done.stderr, done.stderr


def test_rerank_reads_a_head_set(binary, collection, tmp_path):
    """The file's heads, encoding and calibration are those of the flags; a flag given by hand wins; another model's is refused."""
    store, heads = tmp_path / "store", tmp_path / "heads.json"
    assert score(binary, collection, store, "--encoding", "list").returncode == 0
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\td0\t1\nq2\td3\t2\nq3\td1\t1\n")
    must_run(binary, "heads", "select", "--store", store, "--qrels", tmp_path / "qrels.tsv", "--method", "core", "--count", 3,
             "--calibration", "na", "--output", heads)
    chosen = ",".join(json.loads(heads.read_text())["heads"])
    base = [binary, "rerank", "--dataset", collection, "--run", collection / "run.trec", "--model", TINY, "--format", "jsonl"]
    by_file = must_run(*base, "--heads", heads)
    assert by_file == must_run(*base, "--heads", chosen, "--encoding", "list", "--calibration", "na")
    assert must_run(*base, "--heads", heads, "--calibration", "ratio") == must_run(
        *base, "--heads", chosen, "--encoding", "list", "--calibration", "ratio")
    other = TINY.parent / "tiny-qwen2"
    refused = run(binary, "rerank", "--query", "a", "--documents", collection / "corpus.jsonl", "--model", other, "--heads", heads)
    fingerprint = json.loads(heads.read_text())["model"]
    assert refused.returncode == 3 and fingerprint in refused.stderr and refused.stdout == ""
    for status, text, words in ((3, "{", "parse error at line 1"), (2, '{"99-99": 1}', "99-99 is not in this model"),
                                (3, '{"a": 1}', "not a list of heads"),
                                (3, '{"format": "headwise head set", "version": 1, "heads": []}', "'heads' must be an array")):
        heads.write_text(text)
        broken = run(*base, "--heads", heads)
        assert broken.returncode == status and words in broken.stderr and broken.stdout == "", broken.stderr
    missing = run(*base, "--heads", tmp_path / "none.json")
    assert missing.returncode == 3 and "there is no file" in missing.stderr
    # QRHead's and CoRe's lists name no model.
    heads.write_text('attn_head_set: "1-0,0-1"\n')
    assert must_run(*base, "--heads", heads) == must_run(*base, "--heads", "1-0,0-1")
