#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""House rules that no compiler checks: SPDX headers, lengths of files and functions, nothing that ties the tree to one machine.

Prints each violation and exits 1 when there is one.
"""
import re
import sys
from pathlib import Path

import function_lengths
import tree

SOURCE = tree.CODE | {".py", ".cmake", ".sh"}
MAX_LINES = 400
MAX_FUNCTION_LINES = 80
MAX_BYTES = 2_000_000
MAX_ADAPTER_BYTES = 8_000_000  # of a shipped one: it is part of the product
LICENCE = "SPDX-License-Identifier: Apache-2.0"
OWNER = "SPDX-FileCopyrightText: headwise contributors"
# Spelled in two halves so that this file does not find itself.
MACHINE = re.compile("|".join(["/" + r"(?:work/(?:main|shared|\.)|root/|home/)[A-Za-z0-9_.-]*", "/" + "tmp/[A-Za-z0-9_.-]+",
                               r"\b(?:files\.)?pythonhosted" + r"\.org", r"\bpypi" + r"\.org",
                               r"\bdeb\.debian" + r"\.org"]))
UNFINISHED = re.compile(r"\bTO" + r"DO\b(?!\(#\d+\))|\bFIX" + r"ME\b")

# clang-tidy finds these in a file that it looks at by itself, not in one of a unit (check_tidy.py).
USED_BY_NAME = re.compile(r"^\s*(?:using\s+(?:\w+::)+(\w+);|namespace\s+(\w+)\s*=)", re.MULTILINE)


def is_source(path: Path) -> bool:
    if path.suffix in SOURCE or path.name == "CMakeLists.txt":
        return True
    return path.parts[0] in ("scripts", ".ci") and path.suffix == ""


def violations(path: Path) -> list[str]:
    size = (tree.ROOT / path).stat().st_size
    most = MAX_ADAPTER_BYTES if path.match("models/*/*/adapter_model.safetensors") else MAX_BYTES
    if size > most:
        return [f"{path}: {size} bytes; files over {most} do not belong in the tree"]
    data = (tree.ROOT / path).read_bytes()
    if b"\0" in data:
        return []
    found = []
    lines = data.decode("utf-8", errors="replace").splitlines()
    if is_source(path):
        head = "\n".join(lines[:4])
        bare_list = (path.name == "CMakeLists.txt" or path.suffix == ".cmake") and len(lines) < 20
        if not bare_list and (LICENCE not in head or OWNER not in head):
            found.append(f"{path}: the two SPDX lines are missing at the top")
    if path.suffix == ".cc":
        text = "\n".join(lines)
        for match in USED_BY_NAME.finditer(text):
            name = match.group(1) or match.group(2)
            if len(re.findall(rf"\b{name}\b", text)) == 1:
                found.append(f"{path}: '{match.group(0).strip()}' names what nothing uses")
    # Recorded data (fixtures, results, fuzz seeds) may hold any text.
    if not is_source(path) and path.suffix not in (".md", ".txt", ".json", ".toml", ".in", ""):
        return found
    if path.parts[:2] in (("tests", "data"), ("tests", "fuzz")) and not is_source(path):
        return found
    for number, line in enumerate(lines, 1):
        if match := MACHINE.search(line):
            found.append(f"{path}:{number}: '{match.group(0)}' names one machine or one registry host")
        if is_source(path) and (match := UNFINISHED.search(line)):
            found.append(f"{path}:{number}: '{match.group(0)}' needs an issue number, as in TO" + "DO(#12)")
    return found


def too_long(path: Path) -> list[str]:
    """The file, and functions of it, that are longer than a reader can hold in mind."""
    if not is_source(path):
        return []
    text = tree.read(path)
    count = len(text.splitlines())
    found = [f"{path}: {count} lines; the limit is {MAX_LINES}, aim for 90"] if count > MAX_LINES else []
    return found + [f"{path}:{function.line}: {function.name} has {function.lines} lines; the limit is {MAX_FUNCTION_LINES}"
                    for function in function_lengths.functions(path, text) if function.lines > MAX_FUNCTION_LINES]


def types_of(path: Path) -> list[tuple[str, int]]:
    """Types that a file of the program defines in a named namespace, by their whole name, with the line."""
    found = []
    space, hidden = "", False
    for number, line in enumerate(tree.read(path).splitlines(), 1):
        if opened := re.match(r"namespace ([\w:]+) {", line):
            space = opened.group(1)
        elif line == "namespace {":
            hidden = True
        elif line == "}  // namespace":
            hidden = False
        elif (defined := re.match(r"(?:struct|class|enum class|enum|union) ([\w:]+)(?: final)?(?: : [^{]*)? {", line)) and not hidden:
            found.append((f"{space}::{defined.group(1)}", number))
    return found


def defined_twice(paths: list[Path]) -> list[str]:
    """Types of one name in two files: a linker takes either for both (ISO C++, the one-definition rule)."""
    found: list[str] = []
    first: dict[str, str] = {}
    for path in paths:
        if path.suffix not in tree.CODE or path.parts[0] not in ("include", "src", "apps", "python"):
            continue
        for name, line in types_of(path):
            place = f"{path}:{line}"
            if name in first:
                found.append(f"{place}: '{name}' is defined at {first[name]} too; a program can have one of them")
            first.setdefault(name, place)
    return found


def main() -> None:
    paths = tree.files()
    found = [line for path in paths for line in violations(path)]
    found += [line for path in paths for line in too_long(path)]
    found += defined_twice(paths)
    print("\n".join(found + [f"{len(paths)} files, {len(found)} violations of the house rules"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
