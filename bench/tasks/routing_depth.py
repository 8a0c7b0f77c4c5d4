#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""After which layer is a query embedded well enough to route it? Real training queries, the default model's real embeddings, and
made-up head scores in which every topic has four good heads of its own: what a router reaches then depends on how well the embedding
tells topics apart. Topics are (a) the data sets the queries come from and (b) k-means clusters of a bi-encoder's vectors.

    teacher/bin/python bench/tasks/routing_depth.py DATA OUT.json     (the environment of scripts/requirements-teacher.txt)

No test query is used. Queries are split in halves: labels and router on one, figures from the other.
"""
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
import teacher_batches  # noqa: E402

HEADWISE = ROOT / "build" / "release" / "headwise"
LAYERS, HEADS, PASSAGES, OWN = 30, 9, 20, 4
DEPTHS = (2, 4, 7, 9, 11, 14, 17)  # the layer after which the query is embedded
SETS = {"dl21": ("test", 53), "musique": ("test", 60), "scifact": ("train", 400), "nfcorpus": ("train", 600)}


def training_queries(data: Path) -> list[tuple[str, str]]:
    """(set, text) of the first training queries of each set."""
    found = []
    for name, (split, count) in SETS.items():
        texts = {q["_id"]: q["text"] for q in map(json.loads, (data / name / "queries.jsonl").open())}
        judged = dict.fromkeys(line.split("\t")[0] for line in (data / name / "qrels" / f"{split}.tsv").read_text().splitlines()[1:])
        if name == "musique":  # in the run's order: the first 60 are for training
            judged = dict.fromkeys(line.split()[0] for line in (data / name / "run.given.trec").open())
        found += [(name, texts[query]) for query in list(judged)[:count]]
    return found


def clusters(vectors: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """k-means on the unit sphere, the best of ten starts."""
    best = (-np.inf, None)
    for _ in range(10):
        centres = vectors[random.choice(len(vectors), count, replace=False)]
        for _ in range(50):
            topics = (vectors @ centres.T).argmax(1)
            centres = np.stack([vectors[topics == t].sum(0) if (topics == t).any() else centres[t] for t in range(count)])
            centres /= np.linalg.norm(centres, axis=1, keepdims=True)
        fit = (vectors * centres[topics]).sum()
        best = max(best, (fit, topics), key=lambda pair: pair[0])
    return best[1]


def write_store(folder: Path, texts: list[str], topics: np.ndarray, fingerprint: str, random: np.random.Generator,
                own: np.ndarray) -> None:
    """own[t]: the places of topic t's heads."""
    folder.mkdir()
    queries, qrels = [], ["query-id\tcorpus-id\tscore"]
    for q, (text, topic) in enumerate(zip(texts, topics)):
        grades = np.where(random.uniform(size=PASSAGES) < 0.2, 1, 0)
        grades[random.integers(PASSAGES)] = 1
        logs = random.normal(0, 0.8, (LAYERS * HEADS, PASSAGES))
        logs[own[topic]] += 1.5 * grades
        s = np.exp(logs.reshape(LAYERS, HEADS, PASSAGES) - 5)
        free = np.full_like(s, np.exp(-5))
        np.save(folder / f"{q:05d}.npy", np.stack([s, free, s - free]).astype("<f4"))
        ids = [f"d{q}-{i}" for i in range(PASSAGES)]
        queries.append({"id": f"q{q}", "text": text, "candidates": ids, "first_stage_scores": random.normal(size=PASSAGES).tolist()})
        qrels += [f"q{q}\t{i}\t{g}" for i, g in zip(ids, grades) if g]
    manifest = {"format": "headwise head-score store", "version": 1, "model": fingerprint, "layers": LAYERS, "heads": HEADS,
                "template": "blocks", "encoding": "blocks", "rows": "template", "token_filter": "low", "order": "given", "seed": 0,
                "max_words": 80, "depth": PASSAGES, "dataset": "made up", "headwise": "0", "queries": queries}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "qrels.tsv").write_text("\n".join(qrels) + "\n")


def headwise(*arguments) -> str:
    return subprocess.run([HEADWISE, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    random = np.random.default_rng(1)
    found = training_queries(data)
    order = random.permutation(len(found))
    texts = [found[i][1] for i in order]
    names = list(SETS)
    by_set = np.array([names.index(found[i][0]) for i in order])
    vectors = teacher_batches.Teacher(None, "cpu").embed(texts, "queries")
    fingerprint = json.loads((ROOT / "models" / "smollm2-135m-instruct" / "heads.json").read_text())["model"]
    half = len(texts) // 2
    result = {"task": __doc__.split("\n\n")[0], "queries": {"train": half, "test": len(texts) - half}, "own_heads": OWN, "topics": {}}
    for what, topics in {"4 data sets": by_set, "12 clusters": clusters(vectors, 12, random),
                         "16 clusters": clusters(vectors, 16, random)}.items():
        own = random.permutation(LAYERS * HEADS)[: (topics.max() + 1) * OWN].reshape(-1, OWN)
        rows = {}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            write_store(folder / "train", texts[:half], topics[:half], fingerprint, random, own)
            write_store(folder / "test", texts[half:], topics[half:], fingerprint, random, own)
            train = ("--store", folder / "train", "--qrels", folder / "train" / "qrels.tsv")
            test = ("--store", folder / "test", "--qrels", folder / "test" / "qrels.tsv")
            headwise("route", "label", *train, "--calibration", "na", "--output", folder / "labels.json")
            for layer in DEPTHS:
                headwise("route", "train", "--labels", folder / "labels.json", *train, "--embedding-layer", layer, "--output",
                         folder / "router.safetensors")
                report = json.loads(headwise("route", "report", "--router", folder / "router.safetensors", *test, "--json"))
                methods = {row["name"]: next(iter(row["values"].values()))["alone"]["ndcg@10"] for row in report["methods"]}
                rows[str(layer)] = {m: round(methods[m], 4) for m in ("routed", "static", "shuffled-query router")}
                print(what, layer, rows[str(layer)], file=sys.stderr, flush=True)
        result["topics"][what] = rows
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
