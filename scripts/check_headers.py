#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Every public header compiles alone, with no include path but the one that a user of the installed library has."""
import sys

import cached
import tree

FLAGS = ["-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-Iinclude", "-x", "c++"]


def main() -> None:
    headers = [path for path in tree.files() if path.parts[0] == "include" and path.suffix == ".h"]
    tool = "headers " + " ".join(FLAGS) + cached.tool_version("c++", "--version")
    # -include rather than the header itself: `#pragma once` in a main file is a warning.
    failures = cached.run_all(headers, lambda path: ["c++", *FLAGS, "-include", str(path), "/dev/null"], tool)
    print("\n".join(failures.values()))
    sys.exit(1 if failures else 0)


if __name__ == "__main__":
    main()
