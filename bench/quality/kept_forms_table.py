# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The table of docs/evaluation.md#kept-passages: nDCG@10, Kendall's tau against fp32 and bytes a passage, for passages kept in every form, on test
queries, aligned and frozen.

    .venv/bin/python bench/quality/kept_forms_table.py DATA OUT [--only SET ...] [--models aligned frozen] [--budget-file MODEL=FILE ...]
        [--queries N] [--forms FORM ...] [--threads N]

Needs the target headwise_kept_forms. Each query's passages are encoded once and read in every form. A run that is there is not made again, one that
was cut short goes on. --forms: these alone, beside what other calls found. `depth` splits need a budget file of the model (`headwise heads sensitivity` on training queries). Writes OUT/kept_forms.json.
"""
from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

import numpy as np

from quality_table import ROOT, SETS, TestSet, named

# A form's name, by model: the layers that a join leaves out depend on how many are kept.
ADAPTERS = {"aligned": "default", "frozen": "none"}


def forms(layers: int, budget_file: bool) -> list[str]:
    """What is read; `layers` are kept, the last one without values."""
    names = ["fp32", "bf16", "int8", "fp32:1/2", "fp32:1/4", "fp32:1/10", "fp32:1/4,tokens=norm", "fp32:1/4,tokens=received"]
    whole = layers - 0.5  # in layers of keys and values
    for share in ("1/2", "1/4", "1/10"):
        numerator, denominator = map(int, share.split("/"))
        join = round(layers - 0.5 - whole * numerator / denominator)
        names += [f"fp32:{share},split=pyramid", f"fp32:1,split=join:{join}"]
        if budget_file:
            names.append(f"fp32:{share},split=depth")
    names += [f"fp32:1,split=join:{round(layers / 3)}", f"fp32:1,split=join:{round(layers * 2 / 3)}", f"int8:1,split=join:{round(layers * 2 / 3)}"]
    return list(dict.fromkeys(names))


def ndcg(candidates: list[str], scores: list[float], grades: dict[str, int], cut: int = 10) -> float:
    """trec_eval's: ties by document, the larger name first."""
    order = sorted(zip(scores, candidates), key=lambda pair: (pair[0], pair[1]), reverse=True)
    gain = sum(grades.get(document, 0) / np.log2(rank + 2) for rank, (_, document) in enumerate(order[:cut]))
    ideal = sum(grade / np.log2(rank + 2) for rank, grade in enumerate(sorted((g for g in grades.values() if g > 0), reverse=True)[:cut]))
    return gain / ideal if ideal else 0.0


def tau(one: list[float], other: list[float]) -> float:
    """Kendall's tau-b."""
    a, b = np.asarray(one), np.asarray(other)
    upper = np.triu_indices(len(a), 1)
    x, y = np.sign(a[:, None] - a[None, :])[upper], np.sign(b[:, None] - b[None, :])[upper]
    scale = np.sqrt(np.abs(x).sum() * np.abs(y).sum())
    return float((x * y).sum() / scale) if scale else 1.0


def read_grades(path: Path) -> dict[str, dict[str, int]]:
    grades: dict[str, dict[str, int]] = {}
    for line in path.read_text(encoding="utf-8").splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    return grades


def make_run(arguments, test: TestSet, model: str, layers: int) -> Path:
    chosen = "." + "+".join(arguments.forms).replace("/", "_") if arguments.forms else ""
    output = arguments.out / f"kept_forms.{model}.{test.name}{chosen}.jsonl"
    if output.exists():
        return output
    folder = arguments.data / test.name
    budget_file = named(arguments.budget_file).get(model, "")
    command = ["nice", "-n", "19", str(arguments.program), "--dataset", str(folder), "--run", str(folder / test.run), "--output", str(output),
               "--depth", str(test.depth), "--max-words", str(test.words), "--skip", str(test.skip), "--queries",
               str(min(test.queries, arguments.queries)), "--adapter", ADAPTERS[model], "--budget-file", budget_file,
               "--threads", str(arguments.threads), *(arguments.forms or forms(layers, bool(budget_file)))]
    subprocess.run(command, check=True)
    return output


def rows_of(lines: list[dict], grades: dict[str, dict[str, int]]) -> dict[str, dict]:
    rows: dict[str, dict] = {}
    for name in lines[0]["forms"]:
        read = [line["forms"][name] for line in lines]
        rows[name] = {
            "ndcg@10": statistics.fmean(ndcg(line["candidates"], form["scores"], grades.get(line["query"], {})) for line, form in zip(lines, read)),
            "tau": statistics.fmean(tau(line["forms"]["fp32"]["scores"], form["scores"]) for line, form in zip(lines, read)),
            "bytes": statistics.fmean(form["bytes"] for form in read)}
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "release" / "headwise_kept_forms")
    parser.add_argument("--only", nargs="*", default=[test.name for test in SETS])
    parser.add_argument("--models", nargs="*", default=list(ADAPTERS))
    parser.add_argument("--budget-file", action="append", default=[], metavar="MODEL=FILE")
    parser.add_argument("--forms", nargs="*", default=[], help="fp32 must be one of them")
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--queries", type=int, default=1000000, help="at most so many of each set")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    layers = {"aligned": 19, "frozen": 30}  # of the sets that ship

    kept = arguments.out / "kept_forms.json"
    result = json.loads(kept.read_text(encoding="utf-8")) if kept.exists() else {}  # of what --only and --models leave out now
    for test in (test for test in SETS if test.name in arguments.only):
        grades = read_grades(arguments.data / test.name / "qrels" / "test.tsv")
        for model in arguments.models:
            lines = [json.loads(line) for line in make_run(arguments, test, model, layers[model]).read_text(encoding="utf-8").splitlines()]
            lines = [line for line in lines if line["query"] in grades]
            found = result.setdefault(test.name, {}).setdefault(model, {"depth": test.depth, "words": test.words, "rows": {}})
            for name, row in rows_of(lines, grades).items():
                found["rows"][name] = {"queries": len(lines), **row}
                print(f"{test.name:9} {model:8} {name:32} {row['ndcg@10']:.4f} {row['tau']:.4f} {row['bytes'] / 1024:9.1f} KiB", flush=True)
            kept.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
