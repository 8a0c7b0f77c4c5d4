# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Runs one command a file, in parallel, and skips files that passed before with the same contents. Not a script.

A pass is remembered in build/passed/ under a hash of the file, of every project header it includes, directly or not,
and of a string that stands for the tool: its version, flags and configuration.
"""
import hashlib
import os
import subprocess
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from pathlib import Path

import tree

PASSED = tree.ROOT / "build" / "passed"


@lru_cache(maxsize=None)
def _direct(path: Path) -> tuple[str, int, tuple[Path, ...]]:
    text = tree.read(path)
    targets = (tree.resolve(match.group(1), path) for match in tree.INCLUDE.finditer(text) if match.group(1))
    return hashlib.sha256(text.encode()).hexdigest(), len(text), tuple(target for target in targets if target is not None)


def closure(path: Path, tool: str) -> tuple[str, int]:
    """Hash, and bytes, of a file with what it includes."""
    seen: dict[str, str] = {}
    size = 0
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if str(current) in seen:
            continue
        seen[str(current)], length, direct = _direct(current)
        size += length
        waiting.extend(direct)
    digest = hashlib.sha256(tool.encode())
    for name, text in sorted(seen.items()):
        digest.update(f"{name} {text}\n".encode())
    return digest.hexdigest(), size


def run_all(paths: list[Path], command, tool: str) -> dict[Path, str]:
    """The files that failed, and what was said of each. `command(path)` is the argument list for one file."""
    PASSED.mkdir(parents=True, exist_ok=True)
    todo = []
    for path in paths:
        mark, size = closure(path, tool)
        if not (PASSED / mark).exists():
            todo.append((size, path, PASSED / mark))

    def one(item: tuple[int, Path, Path]) -> str | None:
        _, path, mark = item
        done = subprocess.run(command(path), cwd=tree.ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            mark.touch()
            return None
        return f"{path}: exit status {done.returncode}\n{done.stdout}{done.stderr}"

    # The longest files first, so that the last worker is not left alone with one of them.
    todo.sort(reverse=True)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        failures = {path: output for (_, path, _), output in zip(todo, pool.map(one, todo)) if output}
    print(f"{len(paths)} files, {len(paths) - len(todo)} unchanged since they passed, {len(failures)} failed")
    return failures


def tool_version(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
