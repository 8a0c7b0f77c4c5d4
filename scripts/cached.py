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
def _direct(path: Path) -> tuple[str, tuple[Path, ...]]:
    text = tree.read(path)
    targets = (tree.resolve(match.group(1), path) for match in tree.INCLUDE.finditer(text) if match.group(1))
    return hashlib.sha256(text.encode()).hexdigest(), tuple(target for target in targets if target is not None)


def closure_hash(path: Path, tool: str) -> str:
    seen: dict[str, str] = {}
    waiting = [path]
    while waiting:
        current = waiting.pop()
        if str(current) in seen:
            continue
        seen[str(current)], direct = _direct(current)
        waiting.extend(direct)
    digest = hashlib.sha256(tool.encode())
    for name, text in sorted(seen.items()):
        digest.update(f"{name} {text}\n".encode())
    return digest.hexdigest()


def run_all(paths: list[Path], command, tool: str) -> list[str]:
    """The outputs of the files that failed. `command(path)` is the argument list for one file."""
    PASSED.mkdir(parents=True, exist_ok=True)
    todo = [(path, PASSED / closure_hash(path, tool)) for path in paths]
    todo = [(path, mark) for path, mark in todo if not mark.exists()]

    def one(item: tuple[Path, Path]) -> str | None:
        path, mark = item
        done = subprocess.run(command(path), cwd=tree.ROOT, capture_output=True, text=True)
        if done.returncode == 0:
            mark.touch()
            return None
        return f"{path}: exit status {done.returncode}\n{done.stdout}{done.stderr}"

    # The longest files first, so that the last worker is not left alone with one of them.
    todo.sort(key=lambda item: -(tree.ROOT / item[0]).stat().st_size)
    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        failures = [output for output in pool.map(one, todo) if output]
    print(f"{len(paths)} files, {len(paths) - len(todo)} unchanged since they passed, {len(failures)} failed")
    return failures


def tool_version(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout
