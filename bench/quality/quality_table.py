# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The table of docs/evaluation.md#what-ships: test queries of four collections, each way of reading alone and fused with the first
stage (w = .7), with paired tests. A run that is there is not made again.

    models/recipes/head_stores.sh DATA STORES
    .venv/bin/python bench/quality/quality_table.py DATA OUT --stores STORES --heads qr=FILE --heads core=FILE [--adapter NAME=FOLDER ...]
        [--bi-encoder minilm --teacher-python teacher/bin/python] [--only SET ...]

--heads: sets of the frozen model (`headwise heads select --calibration na`), read from the stores. --adapter: adapters beside the one that ships.
Writes OUT/quality.json: means, and the paired tests of the shipped adapter against every other row and of every fused row against the first stage.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from trec_runs import Run, fused, read_run, write_run

ROOT = Path(__file__).resolve().parents[2]
WEIGHT = 0.7
SHIPPED = "aligned, as shipped"
DEFAULT_HEADS = ROOT / "models" / "smollm2-135m-instruct" / "heads.json"


@dataclass(frozen=True)
class TestSet:
    name: str
    run: str
    depth: int
    words: int
    skip: int = 0
    queries: int = 1000000


SETS = (TestSet("dl19", "run.bm25.trec", 40, 80), TestSet("musique", "run.given.trec", 20, 80, skip=60, queries=40),
        TestSet("scifact", "run.bm25.trec", 20, 100, queries=100), TestSet("nfcorpus", "run.bm25.trec", 20, 100, queries=100))


def named(pairs: list[str]) -> dict[str, str]:
    return dict(pair.split("=", 1) for pair in pairs)


def from_store(store: Path, heads: dict | None) -> Run:
    """What the frozen model gives when these heads (None: all) are read with `na` and the filter, from a store that has every head."""
    manifest = json.loads((store / "manifest.json").read_text(encoding="utf-8"))
    weights = np.ones((manifest["layers"], manifest["heads"]))
    if heads is not None:
        assert (heads["calibration"], heads["token_filter"]) == ("na", manifest["token_filter"]), "a set read otherwise than the store was"
        weights[:] = 0
        for number, head in enumerate(heads["heads"]):
            weights[tuple(map(int, head.split("-")))] = heads["weights"][number] if heads.get("weights") else 1
    run: Run = {}
    for number, query in enumerate(manifest["queries"]):
        paid = np.load(store / f"{number:05d}.npy")[2].astype(np.float64)
        run[query["id"]] = dict(zip(query["candidates"], np.einsum("lhn,lh->n", paid, weights).tolist()))
    return run


def make_rows(arguments, test: TestSet) -> dict[str, Path]:
    """A row's name and its run."""
    rows: dict[str, Path] = {}

    def place(name: str) -> Path:
        print(f"{test.name}: {name}", file=sys.stderr, flush=True)
        rows[name] = arguments.out / f"{name.replace(' ', '_').replace(',', '')}.{test.name}.trec"
        return rows[name]

    store = arguments.stores / "blocks" / "test" / test.name
    write_run(place("frozen, all"), from_store(store, None), "frozen")
    for name, file in {**named(arguments.heads), "weighted": str(DEFAULT_HEADS)}.items():
        write_run(place(f"frozen, {name}"), from_store(store, json.loads(Path(file).read_text(encoding="utf-8"))), "frozen")
    rerank = [str(arguments.headwise), "rerank"]
    commands = {SHIPPED: rerank}
    for name, folder in named(arguments.adapter).items():
        commands[f"aligned, {name}"] = [*rerank, "--adapter", folder]
    for name in arguments.bi_encoder:
        commands[f"bi-encoder {name}"] = [arguments.teacher_python, str(ROOT / "bench" / "quality" / "bi_encoder_run.py"), "--encoder", name]
    folder = arguments.data / test.name
    for name, command in commands.items():
        output = place(name)
        if not output.exists():
            subprocess.run([*command, "--dataset", str(folder), "--run", str(folder / test.run), "--depth", str(test.depth), "--max-words", str(test.words),
                            "--skip", str(test.skip), "--queries", str(test.queries), "--output", str(output)], check=True, stderr=subprocess.DEVNULL)
    return rows


def compared(arguments, test: TestSet, baseline: Path, others: list[Path]) -> dict:
    command = [str(arguments.headwise), "eval", "--quiet", "--json", "--only-retrieved", "-m", "ndcg@10", "--qrels",
               str(arguments.data / test.name / "qrels" / "test.tsv")]
    for run in (baseline, *others):
        command += ["--run", str(run)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--headwise", type=Path, default=ROOT / "build" / "release" / "headwise")
    parser.add_argument("--stores", type=Path, required=True)
    parser.add_argument("--heads", action="append", default=[], metavar="NAME=FILE")
    parser.add_argument("--adapter", action="append", default=[], metavar="NAME=FOLDER")
    parser.add_argument("--bi-encoder", action="append", default=[])
    parser.add_argument("--teacher-python", default=sys.executable)
    parser.add_argument("--only", nargs="*", default=[test.name for test in SETS])
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)

    kept = arguments.out / "quality.json"
    result = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}  # of sets that --only leaves out now
    for test in (test for test in SETS if test.name in arguments.only):
        whole = read_run(arguments.data / test.name / test.run)
        alone = make_rows(arguments, test)
        candidates = read_run(alone[SHIPPED])
        first = arguments.out / f"first_stage.{test.name}.trec"
        write_run(first, {query: {document: whole[query][document] for document in scores} for query, scores in candidates.items()}, "first-stage")
        joined: dict[str, Path] = {}
        for name, path in alone.items():
            joined[name] = path.with_name(path.name.replace(".trec", ".fused.trec"))
            write_run(joined[name], fused(read_run(path), whole, WEIGHT), "fused")
        by_name = compared(arguments, test, alone[SHIPPED], [first, *(path for name, path in alone.items() if name != SHIPPED)])
        against_first = compared(arguments, test, first, list(joined.values()))
        means = {run["name"]: run["means"]["ndcg@10"] for found in (by_name, against_first) for run in found["runs"]}
        result[test.name] = {"queries": len(candidates), "depth": test.depth, "words": test.words,
                             "first stage": means[first.stem],
                             "rows": {name: {"alone": means[path.stem], "fused": means[joined[name].stem]} for name, path in alone.items()},
                             "shipped against": by_name["comparisons"], "fused against the first stage": against_first["comparisons"]}
        for name, row in result[test.name]["rows"].items():
            print(f"{test.name:9} {name:36} {row['alone']:.4f} {row['fused']:.4f}", flush=True)
    kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
