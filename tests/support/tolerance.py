# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The one table of (backend, precision) -> tolerance that numeric tests use: tolerances.tsv, as tolerance.h reads it."""
from pathlib import Path
from typing import NamedTuple


class Tolerance(NamedTuple):
    unit: float
    score: float
    hidden: float
    way: float
    loss: float


def tolerance(backend: str, precision: str) -> Tolerance:
    for line in Path(__file__).with_name("tolerances.tsv").read_text().splitlines():
        words = line.split()
        if words[:2] == [backend, precision]:
            return Tolerance(*map(float, words[2:]))
    raise LookupError(f"tolerances.tsv has no row for {backend}, {precision}")
