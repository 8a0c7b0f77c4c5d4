# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`route label`, `route train`, `route report` and `rerank --router` through the binary, on a store that `heads score` wrote:
the router's figures against numpy, reading with it, and answers to bad input."""
import json
import math
import struct

import numpy as np
import pytest

from conftest import ROOT, must_run, run

TINY = ROOT / "tests" / "data" / "golden" / "models" / "tiny-qwen3"
OTHER = TINY.parent / "tiny-qwen2"


@pytest.fixture(scope="module")
def binary(build):
    return build / "headwise"


@pytest.fixture(scope="module")
def work(binary, tmp_path_factory):
    """A collection, its store, labels and a router."""
    folder = tmp_path_factory.mktemp("route")
    words = "tea leaf of the northern sea and a lamp in its tower grain salt wind".split()
    (folder / "corpus.jsonl").write_text("".join(json.dumps(
        {"_id": f"d{d}", "title": "", "text": " ".join(words[(d * 3 + i * (d + 1)) % len(words)] for i in range(5 + d))}) + "\n"
        for d in range(8)))
    queries = [f"{words[q % len(words)]} of the {words[(3 * q + 1) % len(words)]} {q}?" for q in range(30)]
    (folder / "queries.jsonl").write_text("".join(json.dumps({"_id": f"q{q}", "text": t}) + "\n" for q, t in enumerate(queries)))
    (folder / "run.trec").write_text("".join(f"q{q} Q0 d{d} {d + 1} {9 - d} first\n" for q in range(30) for d in range(7)))
    (folder / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\n" + "".join(
        f"q{q}\td{(q * 5 + k) % 7}\t{1 + k}\n" for q in range(30) for k in range(2)))
    must_run(binary, "heads", "score", "--dataset", folder, "--run", folder / "run.trec", "--model", TINY, "--output", folder / "store")
    must_run(binary, "route", "label", *stores(folder), "--output", folder / "labels.json")
    must_run(binary, "route", "train", "--labels", folder / "labels.json", *stores(folder), "--model", TINY, "--epochs", 20,
             "--output", folder / "router.safetensors")
    return folder


def stores(folder):
    return "--store", folder / "store", "--qrels", folder / "qrels.tsv"


def read_router(path):
    """safetensors by hand: header, description, arrays."""
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8:8 + length])
    arrays = {name: np.frombuffer(data[8 + length + e["data_offsets"][0]:8 + length + e["data_offsets"][1]], "<f4").reshape(e["shape"])
              for name, e in header.items() if name != "__metadata__"}
    return json.loads(header["__metadata__"]["router"]), arrays


def test_the_file_is_safetensors(work):
    from safetensors.numpy import load_file
    description, arrays = read_router(work / "router.safetensors")
    loaded = load_file(work / "router.safetensors")
    assert {k: v.tolist() for k, v in loaded.items()} == {k: v.tolist() for k, v in arrays.items()}
    assert len(description["pool"]) == arrays["bias"].shape[0] > 0


def test_labels_are_what_they_say(work):
    """nDCG@10 of each label's heads, with numpy from the store."""
    labels = json.loads((work / "labels.json").read_text())
    manifest = json.loads((work / "store" / "manifest.json").read_text())
    judged = {}
    for line in (work / "qrels.tsv").read_text().splitlines()[1:]:
        q, d, g = line.split("\t")
        judged.setdefault(q, {})[d] = int(g)
    places = {q["id"]: i for i, q in enumerate(manifest["queries"])}
    for label in labels["queries"]:
        i = places[label["id"]]
        raw = np.load(work / "store" / f"{i:05d}.npy").astype(float)
        ratio = np.log(raw[0] + 1e-7) - np.log(raw[1] + 1e-7)
        scores = sum(ratio[tuple(map(int, h.split("-")))] for h in label["heads"])
        ids = manifest["queries"][i]["candidates"]
        order = sorted(sorted(range(len(ids)), key=lambda d: ids[d], reverse=True), key=lambda d: -scores[d])
        grades = judged[label["id"]]
        dcg = sum(grades.get(ids[d], 0) / math.log2(k + 2) for k, d in enumerate(order[:10]))
        ideal = sum(g / math.log2(k + 2) for k, g in enumerate(sorted(grades.values(), reverse=True)))
        assert label["ndcg@10"] == pytest.approx(dcg / ideal, abs=1e-9)
        assert 1 <= len(label["heads"]) <= 8


def test_training_is_reproducible(binary, work, tmp_path):
    for threads in (1, 3):
        must_run(binary, "route", "train", "--labels", work / "labels.json", *stores(work), "--model", TINY, "--epochs", 20,
                 "--threads", threads, "--output", tmp_path / "again.safetensors")
        assert (tmp_path / "again.safetensors").read_bytes() == (work / "router.safetensors").read_bytes()


def test_rerank_reads_the_routed_heads(binary, work):
    """Each query's ranking is that of the heads which the report says the router chose."""
    report = json.loads(must_run(binary, "route", "report", "--router", work / "router.safetensors", *stores(work), "--model", TINY,
                                 "--json"))
    base = [binary, "rerank", "--dataset", work, "--run", work / "run.trec", "--model", TINY, "--format", "jsonl"]
    routed = [json.loads(line) for line in must_run(*base, "--router", work / "router.safetensors").splitlines()]
    heads = {q["id"]: ",".join(q["heads"]) for q in report["per_query"]}
    assert len(routed) == 30
    for answer in routed[:6]:
        place = int(answer["query_id"][1:])
        one = must_run(*base, "--heads", heads[answer["query_id"]], "--skip", place, "--queries", 1)
        assert json.loads(one) == answer


def test_report(binary, work, tmp_path):
    page = tmp_path / "report.html"
    text = must_run(binary, "route", "report", "--router", work / "router.safetensors", *stores(work), "--model", TINY, "--report", page,
                    "--dataset", work, "--run", work / "run.trec", "--queries", 2)
    for method in ("routed", "first stage", "static", "all", "layers", "qr 16", "core 8", "headrank 8", "weighted 32", "bias-only router",
                   "shuffled-query router", "random 8", "oracle"):
        assert f"\n  {method} " in text, method
    assert "Seconds a query (median of 2)" in text
    html = page.read_text()
    assert html.startswith("<!doctype html>") and "http" not in html and "<script" not in html
    assert "Do the routed sets vary?" in html


def test_label_file_that_fits_other_stores(binary, work, tmp_path):
    for change, words in (({"template": "mine"}, "template is \"mine\""), ({"model": "llama-1x1-1-0"}, "model is \"llama-1x1-1-0\""),
                          ({"pool": ["99-0"]}, "99-0 is not in this model")):
        labels = {**json.loads((work / "labels.json").read_text()), **change}
        (tmp_path / "labels.json").write_text(json.dumps(labels))
        done = run(binary, "route", "train", "--labels", tmp_path / "labels.json", *stores(work), "--model", TINY, "--output",
                   tmp_path / "r.safetensors")
        assert done.returncode == 3 and words in done.stderr, done.stderr
        assert not (tmp_path / "r.safetensors").exists()


@pytest.mark.parametrize("arguments, status, words", [
    (["label"], 2, "--store FOLDER and --qrels FILE are needed"),
    (["label", "--store", "none", "--qrels", "none"], 3, "none"),
    (["train"], 2, "--labels FILE and --output FILE are needed"),
    (["train", "--labels", "none.json", "--output", "r.safetensors"], 3, "none.json"),
    (["report"], 2, "--router FILE is needed"),
    (["report", "--router", "none.safetensors"], 3, "there is no router file"),
])
def test_bad_usage(binary, tmp_path, arguments, status, words):
    done = run(binary, "route", *arguments, cwd=tmp_path)
    assert done.returncode == status and words in done.stderr and done.stdout == "", done.stderr
    assert list(tmp_path.iterdir()) == []


def test_routers_that_do_not_fit(binary, work, tmp_path):
    base = [binary, "rerank", "--query", "a lamp", "--documents", work / "corpus.jsonl"]
    other = run(*base, "--model", OTHER, "--router", work / "router.safetensors")
    description, _ = read_router(work / "router.safetensors")
    assert other.returncode == 3 and description["model"] in other.stderr and other.stdout == "", other.stderr
    both = run(*base, "--model", TINY, "--router", work / "router.safetensors", "--heads", "all")
    assert both.returncode == 2 and "leave --heads out" in both.stderr
    (tmp_path / "cut").write_bytes((work / "router.safetensors").read_bytes()[:-10])
    cut = run(*base, "--model", TINY, "--router", tmp_path / "cut")
    assert cut.returncode == 3 and "cut" in cut.stderr
    no_router = run(*base, "--model", TINY, "--router", TINY / "model.safetensors")
    assert no_router.returncode == 3 and "holds no router" in no_router.stderr


def test_no_query_left_to_learn_from(binary, work, tmp_path):
    (tmp_path / "qrels.tsv").write_text("query-id\tcorpus-id\tscore\nq1\tnot-retrieved\t1\n")
    done = run(binary, "route", "label", "--store", work / "store", "--qrels", tmp_path / "qrels.tsv", "--output", tmp_path / "l.json")
    assert done.returncode == 3 and "no query is left" in done.stderr and not (tmp_path / "l.json").exists()
