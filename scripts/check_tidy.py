#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""clang-tidy over the library, the command line and the benchmarks, with the checks of .clang-tidy; warnings fail.

Tests are left out: GoogleTest's macros cost minutes and set off checks that say nothing about our code. Needs
build/release/compile_commands.json (cmake --preset release). `scripts/check_tidy.py FILE...` looks at these only.
"""
import json
import sys
from pathlib import Path

import cached
import tree

BUILD = "build/release"
FOLDERS = ("src", "apps", "bench")
TORCH = "/torch/csrc/api/include"
# The commands are GCC's; clang does not know all of its warnings.
EXTRA = ["--extra-arg=-Wno-unknown-warning-option"]


def main() -> None:
    database = json.loads((tree.ROOT / BUILD / "compile_commands.json").read_text())
    # clang 14 cannot read the headers of Debian's libtorch 1.13 as C++20 (c10::IValue is incomplete in a vector): errors in
    # them, before it comes to our code. Files that are compiled against it are left to GCC's warnings.
    compiled = {Path(entry["file"]).resolve() for entry in database if TORCH not in entry["command"]}
    wanted = [Path(name) for name in sys.argv[1:]] or tree.code_files(*FOLDERS)
    paths = [path for path in wanted if path.suffix == ".cc" and (tree.ROOT / path).resolve() in compiled]
    tool = "tidy" + tree.read(Path(".clang-tidy")) + " ".join(EXTRA) + cached.tool_version("clang-tidy", "--version")
    failures = cached.run_all(paths, lambda path: ["clang-tidy", "--quiet", "-p", BUILD, *EXTRA, str(path)], tool)
    print("\n".join(failures))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
