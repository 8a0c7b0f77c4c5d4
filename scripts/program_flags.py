# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Which verbs and flags our programs have, read off their source: nothing needs to be built. Not a script.

A verb of headwise has the flags that are spelled in the file that defines it and in the files of apps/ that this one
includes, header and source, and so on; a script has those of its `add_argument` calls.
"""
import re
from functools import cache
from pathlib import Path

import tree

EVERYWHERE = {"--help"}  # CLI11's and argparse's own
ROW = re.compile(r'\b(?:Verb|Program)\{\s*"([a-z ]+)"')
FLAG = re.compile(r'"((?:-\w,)?--[a-z][a-z0-9-]*(?:,[a-z-]+)*)"')  # a literal that is a flag and nothing else
ENGINE_FLAGS = Path("apps/common/engine_flags.cc")
OPTION_TABLE = Path("src/engine") / "options.cc"
OPTION_ROW = re.compile(r'\.name = "([a-z][a-z0-9_-]*)"')  # a row of the table of options, where the tree has one
ARGUMENT = re.compile(r'add_argument\(\s*((?:"-[\w-]+",?\s*)+)')


def names_in(text: str) -> set[str]:
    return {name if name.startswith("-") else "--" + name for literal in FLAG.findall(text) for name in literal.split(",")}


def reached(start: Path) -> set[Path]:
    """The file, and those of apps/ and the option table that it includes, with their sources."""
    found: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path in found or not (tree.ROOT / path).is_file():
            continue
        found.add(path)
        for match in tree.INCLUDE.finditer(tree.read(path)):
            target = tree.resolve(match.group(1), path) if match.group(1) else None
            if target is not None and (target.parts[0] == "apps" or target == OPTION_TABLE.with_suffix(".h")):
                waiting += [target, target.with_suffix(".cc")]
    return found


def flags_of_file(start: Path) -> set[str]:
    flags = set(EVERYWHERE)
    for path in reached(start):
        flags |= names_in(tree.read(path))
        if path == OPTION_TABLE:
            flags |= {"--" + name.replace("_", "-") for name in OPTION_ROW.findall(tree.read(path))}
    return flags


def options_of_a_ranking() -> set[str]:
    """What engine_flags.cc spells, and the rows of the table of options."""
    flags = names_in(tree.read(ENGINE_FLAGS))
    if (tree.ROOT / OPTION_TABLE).is_file():
        flags |= {"--" + name.replace("_", "-") for name in OPTION_ROW.findall(tree.read(OPTION_TABLE))}
    return flags


@cache
def verbs() -> dict[str, set[str]]:
    """The flags of every verb; "" has those of `headwise` alone."""
    sources = {path: tree.read(path) for path in tree.code_files("apps") if path.suffix == ".cc"}
    found = {"": EVERYWHERE | {"--version", "--config"}}
    for text in sources.values():
        for verb in ROW.findall(text):
            function = re.compile(rf"\bAction add_{verb.replace(' ', '_')}\([^;]*?\) \{{")
            named = re.compile(rf'kVerb\[?\]? = "{verb}"')
            start = next((path for path, body in sources.items() if function.search(body) or named.search(body)), None)
            if start is not None:
                found[verb] = flags_of_file(start)
    return found


@cache
def script_flags(path: Path) -> set[str]:
    """Of a Python or shell script; a wrapper has the flags of the scripts that it names."""
    text = tree.read(path)
    flags = EVERYWHERE | {name for call in ARGUMENT.findall(text) for name in re.findall(r'"(-[\w-]+)"', call)}
    if path.suffix in ("", ".sh"):
        for name in re.findall(r"(?:scripts|bench|models)/[\w/]+\.py", text):
            flags |= script_flags(Path(name)) if (tree.ROOT / name).is_file() else set()
    if path.name == "demo":
        flags |= verbs().get("rerank", set())
    return flags


@cache
def script_words(path: Path) -> set[str] | None:
    """The words that scripts/setup and scripts/test take; None: any."""
    if path == Path("scripts/setup"):
        return set(re.findall(r"^step_(\w+)\(\)", tree.read(path), re.MULTILINE))
    if path == Path("scripts/test"):
        return set(re.findall(r'\bSection\("([\w-]+)"', tree.read(Path("scripts/run_tests.py"))))
    return None


@cache
def programs() -> set[str]:
    """Names of everything that CMake builds and that runs."""
    text = "\n".join(tree.read(path) for path in tree.files() if path.name == "CMakeLists.txt" or path.suffix == ".cmake")
    return set(re.findall(r"(?:add_executable\(|headwise_\w+\(|OUTPUT_NAME)\s*([\w-]+)", text))


@cache
def all_flags() -> set[str]:
    """Of all our programs and scripts."""
    flags = set().union(*verbs().values())
    for path in tree.files():
        if path.suffix == ".py" or (path.parts[0] == "scripts" and path.suffix == ""):
            flags |= script_flags(path)
    return flags
