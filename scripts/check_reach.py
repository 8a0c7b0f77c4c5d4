#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Every file includes, by itself or through a header, what declares the functions and types of ours that it names.

Builds that compile a folder as one unit (cmake/unity.cmake) hide a missing include: the file before had it. This looks at names
alone, so it is quick: a name that project headers declare at namespace scope, and that no file within a file's reach declares,
is missing there. Prints each and exits 1 when there is one.
"""
import re
import sys
from functools import cache
from pathlib import Path

import tree

# Where the headers stand that a file of this folder may include.
VISIBLE = {"include": ("include",), "src": ("include", "src"), "examples": ("include",), "apps": ("include", "src", "apps")}
TOP = ("include", "src", "apps", "python", "bench", "tests")

COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.DOTALL)
TYPE = re.compile(r"\b(?:struct|class|enum class|enum|union|concept|using)\s+(?:\[\[\w+\]\]\s*)?([A-Za-z_]\w*)")
# What stands before a name and is no type.
NOT_A_RESULT = r"(?!\b(?:return|throw|new|else|case|co_return|and|or|not)\b)"
# `Result name(`, at the beginning of a line: a declaration at namespace scope or of a member.
FUNCTION = re.compile(r"^[ \t]*" + NOT_A_RESULT + r"(?:[\w:<>,*&\[\]]+[ \t]+)+[*&]*([a-z_]\w*)\(", re.MULTILINE)
OUTER_FUNCTION = re.compile(r"^(?:[\w:<>,*&\[\]]+[ \t]+)+[*&]*([a-z_]\w*)\(", re.MULTILINE)
OUTER_TYPE = re.compile(r"^(?:template <[^>]*>\s*)?(?:struct|class|enum class)\s+(?:\[\[\w+\]\]\s*)?([A-Z]\w*)\s*(?:final\s*)?[:{]", re.MULTILINE)
TEST_NAME = re.compile(r"\bTEST(?:_F|_P)?\([^)]*\)|\bTEST_P?SUITE\w*\([^)]*\)")
# Not a member, not of another namespace than our own.
CALL = re.compile(r"(?<![\w.>:~])(?:headwise::)?([a-z_]\w*)\(")
TYPE_USE = re.compile(r"(?<![\w.>:~])(?:headwise::)?([A-Z]\w*[a-z]\w*)\b")


@cache
def code(path: Path) -> str:
    without_directives = "\n".join("" if line.lstrip().startswith("#") else line for line in tree.read(path).split("\n"))
    return TEST_NAME.sub(" ", COMMENT_OR_TEXT.sub(" ", without_directives))


@cache
def includes(path: Path) -> frozenset[Path]:
    named = (tree.resolve(quoted or angled, path) for quoted, angled in tree.INCLUDE.findall(tree.read(path)))
    return frozenset(target for target in named if target)


def reach(path: Path) -> set[Path]:
    """The file and all that it includes, at any depth."""
    seen, left = set(), [path]
    while left:
        at = left.pop()
        if at not in seen:
            seen.add(at)
            left.extend(includes(at))
    return seen


@cache
def declared(path: Path) -> frozenset[str]:
    """All names that a file may be said to declare: generous, a local variable counts."""
    return frozenset(TYPE.findall(code(path)) + FUNCTION.findall(code(path)) +
                     re.findall(NOT_A_RESULT + r"(?:\b\w+|[>&*]+)[ \t&*]+([a-z_]\w*)(?=\s*(?:[=;{,)(:]|$))", code(path), re.MULTILINE) +
                     re.findall(r"\btypename\s+([A-Z]\w*)", code(path)))


def missing(paths: list[Path]) -> list[str]:
    """What is wrong, one line each."""
    owners: dict[str, set[Path]] = {}
    for path in paths:
        if path.suffix in tree.HEADERS:
            for name in OUTER_FUNCTION.findall(code(path)) + OUTER_TYPE.findall(code(path)):
                owners.setdefault(name, set()).add(path)
    found = []
    for path in paths:
        if path.stem.endswith("-inl"):
            continue  # part of the files that include it, behind what they declare
        near = reach(path)
        known = set().union(*(declared(file) for file in near))
        for name in sorted(set(CALL.findall(code(path)) + TYPE_USE.findall(code(path))) - known):
            homes = {home for home in owners.get(name, ()) if home.parts[0] in VISIBLE.get(path.parts[0], TOP)}
            if homes and not homes & near:
                found.append(f"{path}: names {name}, which {' or '.join(map(str, sorted(homes)))} declares, and does not include it")
    return found


def main() -> None:
    paths = tree.code_files(*TOP, "examples")
    found = missing(paths)
    print("\n".join(found + [f"{len(paths)} files, {len(found)} names without their header"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
