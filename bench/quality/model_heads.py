# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Heads of several models side by side: docs/evaluation.md#heads-of-three-models and its picture.

    .venv/bin/python bench/quality/model_heads.py DATA bench/results/model_heads.json docs/model-heads.svg 'NAME=STORES[=HEADS]' ...

STORES is a folder of models/recipes/head_stores.sh: blocks/train and blocks/test with a store for each collection. From the training stores: the
single-head nDCG@10 of every head (each collection weighs the same), the eight best, and how far two collections agree on them. From the test stores
there are: all heads, the heads of `weighted` (found in the training stores, or read from HEADS) and the best single head, alone and fused (w = .7).
"""
from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quality_table import SETS, WEIGHT, from_store
from trec_runs import fused, read_run, write_run

ROOT = Path(__file__).resolve().parents[2]
HEADWISE = ROOT / "build" / "release" / "headwise"
TRAINING = {"dl21": "test", "musique": "test", "scifact": "train", "nfcorpus": "train"}  # and the split of their judgements
BEST = 8


@dataclass(frozen=True)
class Model:
    name: str
    stores: Path
    heads: Path | None


def model_of(spec: str) -> Model:
    name, stores, *heads = spec.split("=")
    return Model(name, Path(stores) / "blocks", Path(heads[0]) if heads else None)


def output_of(*command: object) -> dict:
    return json.loads(subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout)


def store_flags(data: Path, model: Model, names: tuple[str, ...]) -> list[object]:
    return [word for name in names for word in ("--store", model.stores / "train" / name, "--qrels", data / name / "qrels" / f"{TRAINING[name]}.tsv")]


def head_map(data: Path, model: Model, *names: str) -> np.ndarray:
    """nDCG@10 of every head, [layers, heads]."""
    shown = output_of(HEADWISE, "heads", "show", *store_flags(data, model, names), "--calibration", "na", "--balance", "stores", "--json", "--quiet")
    return np.array(shown["head_ndcg@10"])


def best_heads(values: np.ndarray) -> list[tuple[int, int]]:
    return [divmod(int(place), values.shape[1]) for place in np.argsort(-values, axis=None, kind="stable")[:BEST]]


def agreement(maps: list[np.ndarray]) -> dict[str, float]:
    """Over all pairs of collections: how many of the eight best they share, and Spearman's correlation over all heads."""
    best = [set(best_heads(values)) for values in maps]
    ranks = [np.argsort(np.argsort(values, axis=None)) for values in maps]
    return {"shared of the best 8": float(np.mean([len(a & b) for a, b in itertools.combinations(best, 2)])),
            "spearman": float(np.mean([np.corrcoef(a, b)[0, 1] for a, b in itertools.combinations(ranks, 2)]))}


def chosen_heads(data: Path, model: Model, folder: Path) -> dict:
    if model.heads is not None:
        return json.loads(model.heads.read_text(encoding="utf-8"))
    subprocess.run([ROOT / "models" / "recipes" / "default_heads.sh", data, model.stores.parent, folder / "heads.json"], check=True, stdout=subprocess.DEVNULL,
                   stderr=subprocess.DEVNULL, env={**os.environ, "HEADWISE": str(HEADWISE)})
    return json.loads((folder / "heads.json").read_text(encoding="utf-8"))


def figures(data: Path, model: Model, best: tuple[int, int]) -> dict:
    """By collection and what is read: alone and fused; and the paired tests of each against the chosen heads, alone."""
    found = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        single = {"calibration": "na", "token_filter": "low", "heads": [f"{best[0]}-{best[1]}"]}
        read = {"weighted": chosen_heads(data, model, folder), "all": None, "best": single}
        for test in SETS:
            store = model.stores / "test" / test.name
            if not (store / "manifest.json").is_file():
                continue
            whole = read_run(data / test.name / test.run)
            command: list[object] = [HEADWISE, "eval", "--quiet", "--json", "--only-retrieved", "-m", "ndcg@10", "--qrels", data / test.name / "qrels" / "test.tsv"]
            for name, heads in read.items():
                run = from_store(store, heads)
                for kind, made in (("alone", run), ("fused", fused(run, whole, WEIGHT))):
                    write_run(folder / f"{name}.{kind}.trec", made, name)
                    command += ["--run", folder / f"{name}.{kind}.trec"]
            shown = output_of(*command)
            means = {entry["name"]: entry["means"]["ndcg@10"] for entry in shown["runs"]}
            found[test.name] = {"queries": len(run), "rows": {name: {kind: means[f"{name}.{kind}"] for kind in ("alone", "fused")} for name in read},
                                "weighted alone against": shown["comparisons"]}
    return found


def picture(models: dict[str, np.ndarray]) -> str:
    """A panel each: layers from the bottom up at equal height, a layer's heads best first."""
    width, height, top, pitch = 860, 400, 34, 280
    low, high = min(values.min() for values in models.values()), max(values.max() for values in models.values())
    body = [f'<rect width="{width}" height="{height}" fill="#ffffff"/>']
    for number, (name, values) in enumerate(models.items()):
        layers, heads = values.shape
        left, across, tall = 40 + number * pitch, 200, 310
        row, column = tall / layers, across / heads
        best = set(best_heads(values))
        body.append(f'<text x="{left}" y="22" font-weight="bold">{name}</text>')
        for layer in range(layers):
            y = top + tall - (layer + 1) * row
            for place, head in enumerate(np.argsort(-values[layer], kind="stable")):
                share = (values[layer, head] - low) / (high - low)
                red, green, blue = (round(255 + share * (end - 255)) for end in (20, 74, 150))
                ring = ' stroke="#d1470c" stroke-width="1.5"' if (layer, int(head)) in best else ""
                body.append(f'<rect x="{left + place * column:.1f}" y="{y:.1f}" width="{column - 0.7:.1f}" height="{row - 0.7:.1f}" '
                            f'fill="#{red:02x}{green:02x}{blue:02x}"{ring}><title>{layer}-{head}: {values[layer, head]:.3f}</title></rect>')
        for share in (0, 0.25, 0.5, 0.75, 1):
            y = top + tall - share * tall
            body.append(f'<text x="{left - 5}" y="{y + 4:.1f}" text-anchor="end">{round(share * layers)}</text>')
        body.append(f'<text x="{left}" y="{top + tall + 20}">{layers} layers of {heads} heads; best {values.max():.3f}</text>')
    body.append(f'<text x="40" y="{height - 12}" fill="#555555">nDCG@10 of a head alone, {low:.2f} (white) to {high:.2f}; a layer\'s heads best first; '
                f'ringed: the eight best</text>')
    return (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12" role="img" '
            f'aria-label="nDCG@10 of every head of {len(models)} models">' + "".join(body) + "</svg>\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("result", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("models", nargs="+", type=model_of)
    arguments = parser.parse_args()
    result, maps = {}, {}
    for model in arguments.models:
        values = maps[model.name] = head_map(arguments.data, model, *TRAINING)
        layers = values.shape[0]
        best = best_heads(values)
        manifest = json.loads((model.stores / "train" / "dl21" / "manifest.json").read_text(encoding="utf-8"))
        result[model.name] = {
            "model": manifest["model"], "precision": manifest["precision"],
            "best heads": [f"{layer}-{head}" for layer, head in best], "best": float(values.max()),
            "depth of the best 8": float(np.mean([(layer + 0.5) / layers for layer, _ in best])),
            "best head by layer": [round(float(each), 4) for each in values.max(1)],
            "collections": agreement([head_map(arguments.data, model, name) for name in TRAINING]),
            "test": figures(arguments.data, model, best[0])}
        print(model.name, json.dumps({key: value for key, value in result[model.name].items() if key != "test"}))
        for name, test in result[model.name]["test"].items():
            print(f"  {name:9}", "  ".join(f"{row} {both['alone']:.3f} / {both['fused']:.3f}" for row, both in test["rows"].items()))
    arguments.result.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    arguments.picture.write_text(picture(maps), encoding="utf-8")


if __name__ == "__main__":
    main()
