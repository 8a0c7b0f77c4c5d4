#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Puts together what bench/gpu/run.sh needs on a machine that has a card and no package registry: the bench's program with the
libraries that it loads, the library for the card, and the first layers of the default model.

    bench/gpu/pack.py OUT [--dry]       --dry: for the fake device, without the model

Needs build/release with headwise_gpu, and a libheadwise_cuda.so (--library), or for --dry the fake one.
"""
import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import cut_gguf

ROOT = Path(__file__).resolve().parents[2]
BUILD = Path(os.environ.get("HEADWISE_BUILD", ROOT / "build" / "release"))
HOME = Path(os.environ.get("HEADWISE_HOME") or Path.home() / ".cache" / "headwise")
MODEL = HOME / "models" / "SmolLM2-135M-Instruct.Q4_1.gguf"
OF_THE_SYSTEM = re.compile(r"lib(c|m|dl|rt|pthread|stdc\+\+|gcc_s)\.so\.|ld-linux|linux-vdso")
MOST_BYTES = 42 << 20  # beside the repository


def copied(source: Path, target: Path, strip: bool = True) -> None:
    if not source.is_file():
        sys.exit(f"pack: {source} is missing; build it first")
    shutil.copy(source, target)
    if strip:
        subprocess.run(["strip", "--strip-unneeded", str(target)], check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--dry", action="store_true")
    parser.add_argument("--library", type=Path, default=ROOT / "build" / "cuda-library" / "libheadwise_cuda.so")
    arguments = parser.parse_args()
    out: Path = arguments.out
    shutil.rmtree(out, ignore_errors=True)
    (out / "lib").mkdir(parents=True)
    copied(BUILD / "headwise_gpu", out / "headwise_gpu")
    listed = subprocess.run(["ldd", str(out / "headwise_gpu")], capture_output=True, text=True, check=True).stdout
    for name, path in re.findall(r"^\s*(\S+) => (\S+)", listed, re.MULTILINE):
        if not OF_THE_SYSTEM.match(name):
            copied(Path(path).resolve(), out / "lib" / name, strip=False)
    if arguments.dry:
        copied(BUILD / "tests" / "libheadwise_cuda_fake.so", out / "libheadwise_cuda_fake.so")
    else:
        copied(arguments.library, out / "libheadwise_cuda.so")
        cut_gguf.cut(MODEL, out / "smollm2-12.gguf", layers=12, ids=4096)
    size = sum(path.stat().st_size for path in out.rglob("*") if path.is_file())
    print(f"{out}: {size / 1e6:.1f} MB")
    if size > MOST_BYTES:
        sys.exit(f"pack: more than {MOST_BYTES / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
