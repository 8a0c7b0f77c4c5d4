#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""clang-tidy over the library, the command line and the benchmarks, with the checks of .clang-tidy; warnings fail.

It looks at large units, the files of one folder together (cmake/unity.cmake), so that it reads the standard library's headers
once a folder. The files of a unit that does not pass are looked at one by one, and that is what counts. Tests are left out:
GoogleTest's macros cost minutes and set off checks that say nothing about our code. `scripts/check_tidy.py FILE...` looks at
these files alone. Configures build/tidy-units and build/tidy-files for its lists of commands; nothing is built there.
"""
import json
import re
import subprocess
import sys
from pathlib import Path

import cached
import tree

UNITS, FILES = "build/tidy-units", "build/tidy-files"
FOLDERS = ("src", "apps", "bench")
TORCH = "/torch/csrc/api/include"
# The commands are GCC's; clang does not know all of its warnings. A unit includes source files on purpose: that nothing else
# does is for check_includes.py to say.
FLAGS = ["--quiet", "--extra-arg=-Wno-unknown-warning-option", "--checks=-bugprone-suspicious-include"]


def members(unit: Path) -> list[Path]:
    """The source files of a unit; a file that is none is its own and only member."""
    if unit.suffix != ".cxx":
        return [unit]
    return [Path(name) for name in re.findall(r'#include "([^"]+)"', unit.read_text())]


def configured(folder: str) -> list[Path]:
    """What is compiled in a build in this folder, as far as clang can read it."""
    # Quick where nothing has changed; a new file is in the list only after it.
    subprocess.run(["cmake", "--preset", "release", "-B", folder, f"-DCMAKE_UNITY_BUILD={'ON' if folder == UNITS else 'OFF'}"],
                   cwd=tree.ROOT, check=True, stdout=subprocess.DEVNULL)
    database = json.loads((tree.ROOT / folder / "compile_commands.json").read_text())
    # clang 14 cannot read the headers of Debian's libtorch 1.13 as C++20 (c10::IValue is incomplete in a vector): errors in
    # them, before it comes to our code. Files that are compiled against it are left to GCC's warnings.
    return sorted({Path(entry["file"]) for entry in database if TORCH not in entry["command"]})


def look_at(paths: list[Path], folder: str) -> dict[Path, str]:
    tool = "tidy" + tree.read(Path(".clang-tidy")) + " ".join(FLAGS) + cached.tool_version("clang-tidy", "--version")
    return cached.run_all(paths, lambda path: ["clang-tidy", "-p", folder, *FLAGS, str(path)], tool)


def main() -> None:
    wanted = {tree.ROOT / name for name in sys.argv[1:] or tree.code_files(*FOLDERS)}
    if not sys.argv[1:]:
        failed = look_at([unit for unit in configured(UNITS) if wanted.intersection(members(unit))], UNITS)
        wanted = {member for unit in failed for member in members(unit)}
    failures = look_at([path for path in configured(FILES) if path in wanted], FILES) if wanted else {}
    print("\n".join(failures.values()))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
