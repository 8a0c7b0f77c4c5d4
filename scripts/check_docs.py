#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What documents and comments name is there: paths, anchors, commands with their verbs and flags, variables, names of code.

Our own documents are cited by anchor (docs/method.md#calibration), never by the number of a section; they wrap at 110
columns, tables aside. Prints each violation and exits 1 when there is one.
"""
import re
import sys
from functools import cache
from pathlib import Path

import doc_commands
import doc_text
import program_flags
import tree
from doc_text import CODE, Block

COLUMNS = 110
LINK = re.compile(r"\]\(([^()\s]+)\)")
CITED = re.compile(r"(?<![\w/.-])((?:[\w.-]+/)*[\w-]+\.md)(?:#([\w-]+)|,? \"([^\"]+)\")?")
SECTION = re.compile(r"(?:\bsections?|§) ?\d")
PAPER = re.compile(r"(?:19|20)\d\d\b|arXiv|RFC")  # whose sections may be cited by number
PATH = re.compile(r"(?<![\w./~$<{-])((?:[\w.-]+/)+[\w.*{},-]*)")
FILE = re.compile(r"(?<![\w./-])([a-z]\w+(?:-inl)?\.(?:cc|h|cmake))\b")
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]\b")
VARIABLE = re.compile(r"\bHEADWISE_[A-Z][A-Z_]*[A-Z]\b")
SYMBOL = re.compile(r"^(?:[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+|\w+::\w+)(?:::\w+)*$")
CALL = re.compile(r"^[a-z]+(?:_[a-z0-9]+)+$")  # of `attend_scratch(D)`
PLACEHOLDER = re.compile(r"(?:^|[/_.-])(?!README|NOTES|CONTRIBUTING|LICENSE)[A-Z]{2,}(?:$|[/_.-])")
# Flags of other people's programs that we tell to use.
FOREIGN_FLAGS = {"--prefix", "--preset", "--install", "--nproc-per-node", "--no-python", "--array", "--now", "--rm", "--build"}
FOREIGN_FILES = {"avx512fintrin.h"}
EXAMPLE_NAMES = {"PascalCase", "HEADWISE_FLAG_NAME"}


@cache
def names() -> tuple[set[str], set[str], set[str]]:
    """Every file, every folder and every file's own name."""
    files = tree.files()
    folders = {str(folder) for path in files for folder in path.parents} - {"."}
    return {str(path) for path in files}, folders, {path.name for path in files}


@cache
def code_words() -> set[str]:
    words: set[str] = set()
    for path in tree.files():
        if path.suffix in tree.CODE | {".py", ".cmake", ".js", ".yaml", ".json", ".sh", ".toml"} or path.suffix == "" or path.name == "CMakeLists.txt":
            if not doc_text.is_recorded(path):
                words |= set(re.findall(r"\w+", tree.read(path)))
    return words


def tops() -> set[str]:
    return {folder for folder in names()[1] if "/" not in folder and not folder.startswith(".")}


def alternatives(path: str) -> list[str]:
    """a.{h,cc} is a.h and a.cc."""
    match = re.search(r"\{([^}]*)\}", path)
    return [path] if not match else [one for word in match.group(1).split(",") for one in alternatives(path[:match.start()] + word + path[match.end():])]


def exists(path: str, beside: Path) -> bool:
    files, folders, _ = names()
    path = path.rstrip("/")
    for root in ("", "src/", "include/", "apps/", "bench/", "tests/", f"{beside.parent}/"):
        full = root + path
        if full in files or full in folders or any(f"{full}{ending}" in files for ending in (".h", ".cc", ".py")):
            return True
        if "*" in path and any(Path(name).match(full) for name in files | folders):
            return True
    return False


def wrong_paths(block: Block) -> list[str]:
    found = []
    known = tops() | {folder.split("/")[1] for folder in names()[1] if folder.startswith("src/")}
    for match in PATH.finditer(block.text):
        # In prose and comments the words before a slash may be no path at all: those of code, ended or quoted as such, are.
        path = match.group(1).rstrip(".,-")
        first = path.split("/")[0]
        sure = first in tops() or (first in known and (path.endswith((".h", ".cc")) or block.text[match.start() - 1:match.start()] == "`"))
        if not sure or PLACEHOLDER.search(path):
            continue
        for one in alternatives(path):
            if not exists(one, block.path):
                found.append(f"{block.place(match.start())}: there is no '{one}' in the tree")
    for match in FILE.finditer(block.text):
        if match.group(1) not in names()[2] | FOREIGN_FILES:
            found.append(f"{block.place(match.start())}: there is no file named '{match.group(1)}' in the tree")
    return found


def wrong_citations(block: Block) -> list[str]:
    found = []
    for match in CITED.finditer(block.text):
        if block.text[:match.start()].endswith("]("):
            continue  # a link
        target = Path(match.group(1))
        if len(target.parts) == 1 and str(Path("docs") / target) in names()[0]:
            target = Path("docs") / target
        if str(target) not in names()[0] or target.suffix != ".md":
            continue
        anchor, title = match.group(2), match.group(3)
        known = doc_text.anchors(target)
        if title:
            anchor = re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")
        if anchor and anchor not in known:
            found.append(f"{block.place(match.start())}: {target} has no heading '{title or anchor}'; it has: {', '.join(sorted(known))}")
    for match in SECTION.finditer(block.text):
        before = block.text[max(0, match.start() - 60):match.start()]
        if ".md" in before or not PAPER.search(before):
            found.append(f"{block.place(match.start())}: '{match.group()}': cite our documents by anchor, as in docs/method.md#calibration")
    return found


def wrong_links(block: Block) -> list[str]:
    found = []
    for match in LINK.finditer(CODE.sub(lambda code: " " * len(code.group()), block.text)):
        target, _, anchor = match.group(1).partition("#")
        if re.match(r"[a-z]+:", target) or not re.search(r"[./#]", match.group(1)):
            continue  # another site; or a formula, a[h](j)
        full = (tree.ROOT / block.path.parent / target).resolve() if target else tree.ROOT / block.path
        if not full.exists() or not full.is_relative_to(tree.ROOT):
            found.append(f"{block.place(match.start())}: the link leads to '{target}', which is not there")
        elif anchor and anchor not in doc_text.anchors(full.relative_to(tree.ROOT)):
            found.append(f"{block.place(match.start())}: {target or block.path} has no heading '{anchor}'")
    return found


def wrong_names(block: Block) -> list[str]:
    found = []
    for match in FLAG.finditer(block.text):
        if block.kind != "command" and match.group() not in program_flags.all_flags() | FOREIGN_FLAGS:
            found.append(f"{block.place(match.start())}: none of our programs has a flag '{match.group()}'")
    for match in VARIABLE.finditer(block.text):
        flag = "--" + match.group()[len("HEADWISE_"):].lower().replace("_", "-")
        if match.group() not in code_words() and flag not in program_flags.all_flags() and match.group() not in EXAMPLE_NAMES:
            found.append(f"{block.place(match.start())}: nothing reads '{match.group()}'")
    if block.kind in ("prose", "table"):
        for match in CODE.finditer(block.text):
            symbol = re.sub(r"\(.*\)$", "", match.group(1))
            if (SYMBOL.match(symbol) or (symbol != match.group(1) and CALL.match(symbol))) and symbol not in EXAMPLE_NAMES and any(part not in code_words() for part in symbol.split("::")):
                found.append(f"{block.place(match.start())}: the code has no '{symbol}'")
    return found


def torn_rows(block: Block) -> list[str]:
    """Rows of a table with more or fewer cells than its head: a | in code wants a backslash there."""
    rows = block.text.splitlines()
    cells = [len(re.findall(r"(?<!\\)\|", row)) for row in rows]
    return [f"{block.path}:{block.line + i}: {count - 1} cells; the table's head has {cells[0] - 1}"
            for i, count in enumerate(cells) if count != cells[0]]


def long_lines(path: Path) -> list[str]:
    """Model cards are written by `align`, a setting a row: they may be wide."""
    return [f"{path}:{number}: {len(line)} columns; documents wrap at {COLUMNS}"
            for number, line in enumerate(tree.read(path).splitlines(), 1)
            if path.parts[0] != "models" and len(line) > COLUMNS and not line.startswith("|") and len(line.split()) > 1]


def violations(path: Path) -> list[str]:
    if doc_text.is_recorded(path):
        return []
    if path.suffix == ".md":
        found = long_lines(path)
        for block in doc_text.document_blocks(path):
            found += doc_commands.wrong_commands(block, names()[0]) + wrong_names(block)
            found += wrong_paths(block) + (torn_rows(block) if block.kind == "table" else [])
            if block.kind != "command":
                found += wrong_links(block) + wrong_citations(block)
        return found
    found = []
    for block in doc_text.comment_blocks(path):
        found += wrong_paths(block) + wrong_citations(block) + doc_commands.wrong_commands(block, names()[0]) + wrong_names(block)
    if path.suffix in tree.CODE and path.parts[0] != "tests":
        for block in doc_text.cxx_texts(path):
            found += wrong_citations(block) if ".md" in block.text else []
    return found


def wrong_rooms() -> list[str]:
    """The table of folders in docs/architecture.md has every folder of src/, in the order of scripts/tree.py."""
    page = Path("docs/architecture.md")
    rows = re.findall(r"^\| `(?:src/)?(\w+)/`", tree.read(page), re.MULTILINE)
    wanted = [room for room in reversed(tree.STRATA) if f"src/{room}" in names()[1]]
    listed = [room for room in rows if room in wanted]
    return [] if listed == wanted else [f"{page}: its table of folders has {', '.join(listed)}; expected {', '.join(wanted)}"]


def wrong_options() -> list[str]:
    """docs/options.md has a row for every option of a ranking, and no other."""
    page = Path("docs/options.md")
    listed = set(re.findall(r"^\| `(--[\w-]+)`", tree.read(page), re.MULTILINE))
    there = program_flags.options_of_a_ranking()
    return [f"{page}: the option '{name}' has no row" for name in sorted(there - listed)] + [
        f"{page}: there is no option '{name}'" for name in sorted(listed - there)]


def main() -> None:
    paths = tree.files()
    found = [line for path in paths for line in violations(path)] + wrong_rooms() + wrong_options()
    print("\n".join(found + [f"{len(paths)} files, {len(found)} things that are named and not there"]))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
