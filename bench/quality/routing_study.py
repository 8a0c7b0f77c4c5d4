#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Do heads picked for each query help, with thousands of training questions? docs/evaluation.md#routing. What is there is not made again.

    .venv/bin/python bench/quality/routing_study.py POOL OUT [--questions 200] [--precision bf16] [--headwise build/release/headwise]

Questions of a training pool by kind (scripts/pool_kinds.py): --questions of each set to learn from, the held-out ones to report on. The frozen
model's scores of every head, then for `na` and `ratio`: labels, a router, all controls on held-out questions of every kind; and for each kind a
router that never saw it. Writes OUT/routing_study.json.
"""
from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
from pool_kinds import DEPTH, USES, WORDS, write_kinds  # noqa: E402

CALIBRATIONS = ("na", "ratio")


class Study:
    def __init__(self, arguments: argparse.Namespace, kinds: list[str]):
        self.arguments = arguments
        self.out: Path = arguments.out
        self.kinds = kinds

    def headwise(self, *flags: object) -> str:
        command = [str(self.arguments.headwise), *map(str, flags)]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def stores(self, use: str, kinds: Iterable[str]) -> list[object]:
        flags: list[object] = []
        for kind in kinds:
            flags += ["--store", self.out / "stores" / use / kind, "--qrels", self.out / "data" / kind / "qrels" / "train.tsv"]
        return flags

    def score(self) -> None:
        for use in reversed(USES):
            for kind in self.kinds:
                data, store = self.out / "data" / kind, self.out / "stores" / use / kind
                if not (store / "manifest.json").exists():
                    store.parent.mkdir(parents=True, exist_ok=True)
                    self.headwise("heads", "score", "--dataset", data, "--run", data / f"{use}.trec", "--depth", DEPTH, "--max-words", WORDS, "--adapter",
                                  "none", "--heads", "all", "--encoding", "blocks", "--weights", "fp32", "--precision", self.arguments.precision, "--keep-memory",
                                  "8GiB", "--output", store)

    def learn(self, calibration: str, name: str, kinds: list[str], tested: list[str]) -> dict:
        """A router of some kinds, and what it brings on others."""
        folder = self.out / calibration / name
        folder.mkdir(parents=True, exist_ok=True)
        labels, router, report = folder / "labels.json", folder / "router.safetensors", folder / "report.json"
        stores = self.stores("train", kinds)
        if not labels.exists():
            self.headwise("route", "label", *stores, "--calibration", calibration, "--output", labels)
        if not router.exists():
            self.headwise("route", "train", *stores, "--labels", labels, "--output", router)
        if not report.exists():
            report.write_text(self.headwise("route", "report", "--json", "--router", router, *self.stores("held-out", tested)), encoding="utf-8")
        found = json.loads(report.read_text(encoding="utf-8"))
        return {key: found[key] for key in ("helps", "verdict", "sets", "methods", "overlap", "depth")}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--headwise", type=Path, default=ROOT / "build" / "release" / "headwise")
    parser.add_argument("--questions", type=int, default=200, help="of each set, to learn from")
    parser.add_argument("--precision", default="fp32")
    arguments = parser.parse_args()

    sets = write_kinds(arguments.pool, arguments.out / "data", arguments.questions)
    study = Study(arguments, list(sets))
    study.score()
    report: dict = {"sets": sets, "questions of a set": arguments.questions, "depth": DEPTH, "words": WORDS, "precision": arguments.precision}
    for calibration in CALIBRATIONS:
        report[calibration] = {"all kinds": study.learn(calibration, "all", study.kinds, study.kinds)}
        for kind in study.kinds:
            others = [other for other in study.kinds if other != kind]
            report[calibration][f"without {kind}"] = study.learn(calibration, f"without_{kind}", others, [kind])
    (arguments.out / "routing_study.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    for calibration in CALIBRATIONS:
        for name, found in report[calibration].items():
            print(f"{calibration:5} {name:16} {found['verdict']}")


if __name__ == "__main__":
    main()
