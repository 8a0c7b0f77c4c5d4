#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""After which layer is a query embedded well enough to route it? Real training queries, the default model's real embeddings, and
made-up head scores in which every topic has four good heads of its own: what a router reaches then depends on how well the embedding
tells topics apart. Topics are (a) the data sets the queries come from and (b) k-means clusters of a bi-encoder's vectors.

    teacher/bin/python bench/probes/routing_depth.py DATA OUT.json     (the environment of scripts/requirements-teacher.txt)

No test query is used. Queries are split in halves: labels and router on one, figures from the other.
"""
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "bench" / "support")]
import beir  # noqa: E402
import bi_encoders  # noqa: E402
from made_up_store import Query, write_store  # noqa: E402

HEADWISE = os.environ.get("HEADWISE", ROOT / "build" / "release" / "headwise")
LAYERS, HEADS, PASSAGES, OWN = 30, 9, 20, 4
DEPTHS = (2, 4, 5, 7, 11, 17)  # the layer after which the query is embedded
SEEDS = (1,)
SETS = {"dl21": ("test", 53), "musique": ("test", 60), "scifact": ("train", 400), "nfcorpus": ("train", 600)}


def training_queries(data: Path) -> list[tuple[str, str]]:
    """(set, text) of the first training queries of each set."""
    found = []
    for name, (split, count) in SETS.items():
        texts = {q["_id"]: q["text"] for q in beir.read_jsonl(data / name / "queries.jsonl")}
        if name == "musique":  # in the run's order: the first 60 are for training
            judged = beir.read_run(data / name / "run.given.trec", count)
        else:
            judged = dict.fromkeys(line.split("\t")[0] for line in (data / name / "qrels" / f"{split}.tsv").read_text().splitlines()[1:])
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


def made_queries(texts: list[str], topics: np.ndarray, own: np.ndarray, random: np.random.Generator) -> Iterator[Query]:
    """own[t]: the places of topic t's heads."""
    for text, topic in zip(texts, topics):
        grades = np.where(random.uniform(size=PASSAGES) < 0.2, 1, 0)
        grades[random.integers(PASSAGES)] = 1
        logs = random.normal(0, 0.8, (LAYERS * HEADS, PASSAGES))
        logs[own[topic]] += 1.5 * grades
        s = np.exp(logs.reshape(LAYERS, HEADS, PASSAGES) - 5)
        yield Query(text, s, np.full_like(s, np.exp(-5)), grades, random.normal(size=PASSAGES))


def headwise(*arguments) -> str:
    return subprocess.run([HEADWISE, *map(str, arguments)], check=True, capture_output=True, text=True).stdout


def routed(train: Path, test: Path, layers: tuple[int, ...]) -> dict[str, dict[str, float]]:
    """nDCG@10 on the store `test` of routers trained on `train`, and of their controls."""
    learned = ("--store", train, "--qrels", train / "qrels.tsv")
    labels, router = train / "labels.json", train / "router.safetensors"
    headwise("route", "label", *learned, "--calibration", "na", "--output", labels)
    found = {}
    for layer in layers:
        headwise("route", "train", "--labels", labels, *learned, "--embedding-layer", layer, "--output", router)
        report = json.loads(headwise("route", "report", "--router", router, "--store", test, "--qrels", test / "qrels.tsv", "--json"))
        means = {row["name"]: next(iter(row["values"].values()))["alone"]["ndcg@10"] for row in report["methods"]}
        found[str(layer)] = {method: means[method] for method in ("routed", "static", "shuffled-query router")}
    return found


def main() -> None:
    data, out = Path(sys.argv[1]), Path(sys.argv[2])
    found = training_queries(data)
    vectors = bi_encoders.MiniLM().queries([text for _, text in found])
    fingerprint = json.loads((ROOT / "models" / "smollm2-135m-instruct" / "heads.json").read_text())["model"]
    sets = np.array([list(SETS).index(name) for name, _ in found])
    half = len(found) // 2
    rows: dict[str, list] = {}
    for seed in SEEDS:
        random = np.random.default_rng(seed)
        order = random.permutation(len(found))
        texts = [found[i][1] for i in order]
        for what, topics in {"4 data sets": sets, "12 clusters": clusters(vectors, 12, random), "16 clusters": clusters(vectors, 16, random)}.items():
            topics = topics[order]
            own = random.permutation(LAYERS * HEADS)[: (topics.max() + 1) * OWN].reshape(-1, OWN)
            with tempfile.TemporaryDirectory() as name:
                train, test = Path(name) / "train", Path(name) / "test"
                for folder, part in ((train, slice(half)), (test, slice(half, None))):
                    folder.mkdir()
                    write_store(folder, made_queries(texts[part], topics[part], own, random), fingerprint)
                rows.setdefault(what, []).append(routed(train, test, DEPTHS))
            print(seed, what, {layer: round(row["routed"], 4) for layer, row in rows[what][-1].items()}, file=sys.stderr, flush=True)
    result = {"task": __doc__.split("\n\n")[0].replace("\n", " "), "queries": {"train": half, "test": len(found) - half}, "own_heads": OWN,
              "seeds": SEEDS, "mean ndcg@10 by embedding layer": {
                  what: {layer: {method: round(float(np.mean([row[layer][method] for row in of])), 4) for method in of[0][layer]}
                         for layer in of[0]} for what, of in rows.items()}}
    out.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
