#!python
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`headwise` of an installed wheel: becomes the program inside the package, without importing the package.

A wheel cannot put the program itself among the scripts: it must find its libraries, which lie at another place with each
version of Python.
"""
import importlib.util
import os
import sys
from pathlib import Path


def program() -> Path:
    """Beside this script after `pip install` into a folder (its option `target`); else wherever this Python finds the package."""
    spec = importlib.util.find_spec("headwise")
    found = spec.submodule_search_locations if spec is not None else None
    for folder in [*(found or []), Path(__file__).resolve().parent.parent / "headwise"]:
        if (Path(folder) / "bin" / "headwise").is_file():
            return Path(folder) / "bin" / "headwise"
    sys.exit("headwise: the program is not in the package; install the wheel again (pip install --force-reinstall headwise)")


os.execv(program(), sys.argv)
