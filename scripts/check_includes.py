#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Includes point downward only: each folder may include itself and lower strata (scripts/tree.py has the order), and so
each room of a folder that has rooms.

Public headers may include public headers of their own or a lower stratum, the standard library and tl/expected.hpp;
examples may include public headers only. A source file is included by nothing. And no room of src/ is joined with more rooms
than it must: the pairs of rooms of which one includes the other are counted, and their number may only fall. Prints each
violation and exits 1 when there is one.
"""
import sys
from pathlib import Path

import tree


# Of the rooms of src/, with the public headers that belong to them. Lower it when it falls.
MOST_JOINED = 59


def stratum(path: Path) -> str | None:
    """The stratum of a file, or None for those that may include anything (tests, benchmarks)."""
    if path.parts[0] == "include":
        return tree.PUBLIC_STRATUM.get(path.name)
    if path.parts[0] == "src":
        return path.parts[1]
    return path.parts[0] if path.parts[0] in ("apps", "python") else None


def room(path: Path) -> int | None:
    """The place of a file's room among those of its stratum, or None where there are none."""
    rooms = tree.ROOMS.get(path.parts[1], []) if path.parts[0] == "src" else []
    return next((place for place, name in enumerate(rooms) if name == path.parts[2]), None)


def violations(path: Path) -> list[str]:
    found = []
    public = path.parts[0] == "include"
    own = stratum(path)
    if public and own is None:
        return [f"{path}: a new public header: give it a stratum in PUBLIC_STRATUM of scripts/tree.py"]
    if own is not None and own not in tree.STRATA:
        return [f"{path}: folder '{own}' is not in STRATA of scripts/tree.py; add it at its place"]
    for match in tree.INCLUDE.finditer(tree.read(path)):
        quoted, angled = match.group(1), match.group(2)
        line = tree.read(path).count("\n", 0, match.start(1 if quoted else 2)) + 1
        where = f"{path}:{line}"
        if angled:
            allowed = next((who for prefix, who in tree.THIRD_PARTY.items() if angled.startswith(prefix)), None)
            if allowed is not None and (public or (own is not None and own not in allowed)):
                found.append(f"{where}: <{angled}> may be included from {', '.join(sorted(allowed))} only")
            continue
        target = tree.resolve(quoted, path)
        if path.parts[0] == "examples":
            if not quoted.startswith("headwise/"):
                found.append(f'{where}: an example includes public headers only, found "{quoted}"')
            continue
        if target is None:
            found.append(f'{where}: "{quoted}" is not a file of this project (third-party headers take angle brackets)')
            continue
        if target.suffix not in tree.HEADERS:
            found.append(f'{where}: "{quoted}" is a source file; headers alone are included')
            continue
        if public and target.parts[0] != "include":
            found.append(f'{where}: a public header includes the private "{quoted}"')
            continue
        theirs = stratum(target)
        if own is None or theirs is None or theirs not in tree.STRATA:
            if own is not None and target.parts[0] in ("tests", "bench"):
                found.append(f'{where}: library code includes "{quoted}" of {target.parts[0]}/')
            continue
        if tree.STRATA.index(theirs) > tree.STRATA.index(own):
            found.append(f'{where}: {own} includes "{quoted}" of the higher folder {theirs}')
        elif theirs == own and room(path) is not None and room(target) is not None and room(target) > room(path):
            found.append(f'{where}: {path.parts[2]} includes "{quoted}" of the higher room {target.parts[2]}')
    return found


def joined(paths: list[Path]) -> set[tuple[str, str]]:
    """The pairs (room, lower room that it includes a header of)."""
    pairs = set()
    for path in paths:
        own = stratum(path) if path.parts[0] in ("src", "include") else None
        for match in tree.INCLUDE.finditer(tree.read(path)) if own else ():
            target = tree.resolve(match.group(1), path) if match.group(1) else None
            theirs = stratum(target) if target else None
            if theirs not in (None, own):
                pairs.add((own, theirs))
    return pairs


def main() -> None:
    paths = tree.code_files()
    found = [line for path in paths for line in violations(path)]
    print("\n".join(found + [f"{len(paths)} files, {len(found)} includes that point the wrong way"]))
    rooms = [room for room in tree.STRATA if (tree.ROOT / "src" / room).is_dir()]
    pairs = joined(paths)
    for room in rooms:
        print(f"{room:10} {' '.join(lower for lower in rooms if (room, lower) in pairs)}".rstrip())
    print(f"{len(pairs)} of {len(rooms) * (len(rooms) - 1) // 2} pairs of rooms joined; at most {MOST_JOINED} may be")
    sys.exit(1 if found or len(pairs) > MOST_JOINED else 0)


if __name__ == "__main__":
    main()
