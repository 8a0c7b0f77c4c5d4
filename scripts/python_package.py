#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Builds the wheel into build/wheel and installs it into .venv-python (scripts/setup package), for tests/python.

A second run costs what has changed: the build folder and ccache stay. `pip install .` by itself needs none of this.
Standard library only.
"""
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PYTHON = ROOT / ".venv-python" / "bin" / "python"
WHEELS = ROOT / "build" / "wheel"
PIP = ["-m", "pip", "--disable-pip-version-check"]


def in_units() -> bool:
    """Whether the release build compiles in large units (scripts/run_tests.py): its objects are of use only to its like."""
    cache = ROOT / "build" / "release" / "CMakeCache.txt"
    return cache.is_file() and re.search(r"^CMAKE_UNITY_BUILD:\w+=ON$", cache.read_text(), re.MULTILINE) is not None


def build_wheel(python: Path = PYTHON, wheels: Path = WHEELS) -> Path:
    """In that Python's own scikit-build-core and nanobind, so that nothing is downloaded; the library's objects come from the
    compiler cache where the release build has made them."""
    environment = {**os.environ, "CCACHE_BASEDIR": str(ROOT), "CCACHE_NOHASHDIR": "1"}
    environment.setdefault("CXX", "c++")  # by this name the cache knows the release build's compiler
    if shutil.which("ccache"):
        environment.setdefault("CMAKE_CXX_COMPILER_LAUNCHER", "ccache")
    shutil.rmtree(wheels, ignore_errors=True)
    command = [str(python), *PIP, "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(wheels), str(ROOT)]
    if in_units():
        command.append("--config-settings=cmake.define.CMAKE_UNITY_BUILD=ON")
    subprocess.run(command, check=True, env=environment)
    return next(wheels.glob("headwise-*.whl"))


def main() -> None:
    if not PYTHON.is_file():
        sys.exit(f"{PYTHON} is missing; run scripts/setup package")
    subprocess.run([str(PYTHON), *PIP, "install", "--quiet", "--no-deps", "--force-reinstall", str(build_wheel())], check=True)


if __name__ == "__main__":
    main()
