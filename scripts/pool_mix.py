# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Settings of `headwise align --config` for lists of many sets: which file with what weight, temperature and bonus, and what is held out.

    python3 scripts/pool_mix.py --sets models/training/sets.tsv --pool POOL --lists LISTS --batches BATCHES --kind web=.5 --kind steps=.2 > mix.toml

Each kind of question is drawn as often as its --kind says (kinds that are not named: not at all); in a kind a set is drawn in proportion to the
root of its batches, so that large sets do not drown small ones. LISTS has what scripts/teacher_lists.py wrote: SET.jsonl and SET.held-out.trec.
A set that the table gives batches of many questions is read from BATCHES/SET.jsonl instead (scripts/teacher_batches.py). Standard library only.
"""
from __future__ import annotations

import argparse
import csv
import math
from pathlib import Path


def read_sets(path: Path, only: list[str]) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as table:
        rows = list(csv.DictReader(table, delimiter="\t"))
    unknown = set(only) - {row["set"] for row in rows}
    if unknown:
        raise SystemExit(f"'{path}': expected a row for '{sorted(unknown)[0]}'")
    return [row for row in rows if not only or row["set"] in only]


def read_kinds(specs: list[str], sets: list[dict[str, str]]) -> dict[str, float]:
    kinds = {}
    for spec in specs:
        name, _, weight = spec.partition("=")
        if name not in {row["kind"] for row in sets}:
            raise SystemExit(f"--kind '{spec}': expected KIND=WEIGHT with one of {', '.join(sorted({row['kind'] for row in sets}))}")
        kinds[name] = float(weight)
    return kinds


def lines_of(path: Path) -> int:
    with path.open(encoding="utf-8") as file:
        return sum(1 for _ in file)


def targets(sets: list[dict[str, str]], kinds: dict[str, float], lists: Path, batches: Path | None) -> list[str]:
    def source(row: dict[str, str]) -> Path:
        return (batches if batches and int(row["batches"]) else lists) / f"{row['set']}.jsonl"

    roots = {row["set"]: math.sqrt(lines_of(source(row))) for row in sets if kinds.get(row["kind"], 0) > 0}
    whole = {kind: sum(roots[row["set"]] for row in sets if row["kind"] == kind and row["set"] in roots) for kind in kinds}
    return [f"{source(row)}={kinds[row['kind']] * roots[row['set']] / whole[row['kind']]:.4f},frozen={row['frozen']},bonus={row['bonus']},"
            f"temperature={row['temperature']}" for row in sets if row["set"] in roots]


def held_out(sets: list[dict[str, str]], pool: Path, lists: Path, first: int) -> list[str]:
    """Sets with judgements alone: their runs have lines."""
    runs = [(row["set"], lists / f"{row['set']}.held-out.trec") for row in sets]
    return [f"dir={pool / name},run={run},split=train,first={first},depth=20" for name, run in runs if run.is_file() and run.stat().st_size > 0]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=Path, required=True, help="table: set, kind, temperature, bonus, frozen, near, batches")
    parser.add_argument("--only", default="", help="sets, separated by commas; else all of the table")
    parser.add_argument("--pool", type=Path, required=True)
    parser.add_argument("--lists", type=Path, required=True)
    parser.add_argument("--batches", type=Path, help="folder of a teacher's batches; without it every set is lists")
    parser.add_argument("--kind", action="append", required=True, help="KIND=WEIGHT")
    parser.add_argument("--first", type=int, default=12, help="held-out questions of each set that are asked")
    arguments = parser.parse_args()
    sets = read_sets(arguments.sets, [name for name in arguments.only.split(",") if name])
    kinds = read_kinds(arguments.kind, sets)
    for name, values in (("targets", targets(sets, kinds, arguments.lists, arguments.batches)),
                         ("held-out", held_out(sets, arguments.pool, arguments.lists, arguments.first))):
        print(f"{name} = [\n" + "".join(f'  "{value}",\n' for value in values) + "]")


if __name__ == "__main__":
    main()
