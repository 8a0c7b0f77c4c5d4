#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Tries the wheel and the tarball of packaging/bundle.py where nothing but Python is: in a new Debian made by debootstrap.

    sudo packaging/try_bundle.py --suite bookworm --wheel WHEEL --tarball TARBALL

One JSON line with the seconds of each step goes to stdout; what a step says to stderr. Needs root and debootstrap, and the
package mirror and index that apt-get and pip are set up for here. Standard library only.
"""
import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

QUESTION = "who wrote Emma?"
PASSAGES = "Copper turns green.\nEmma is a novel by Jane Austen.\nBees dance.\n"
RERANK = f"rerank --query '{QUESTION}' --documents /given/passages.txt --format jsonl"
# The first hour of a user, as they would type it. "free of pip": an environment as uv makes it.
STEPS = {
    "environment": "python3 -m venv /v",
    "install": "/v/bin/pip install --quiet --disable-pip-version-check /given/*.whl",
    "fetch": "/v/bin/python -m headwise.fetch_model",
    "rank": f"/v/bin/headwise {RERANK}",
    "rank from Python": "/v/bin/python -c 'import headwise; print(headwise.Reranker().rank(\"" + QUESTION +
                        "\", open(\"/given/passages.txt\").read().splitlines())[0].text)'",
    "environment free of pip": "python3 -m venv --without-pip /u && /v/bin/pip --python /u/bin/python install --quiet "
                               "--disable-pip-version-check /given/*.whl",
    "fetch free of pip": "HEADWISE_HOME=/h /u/bin/python -m headwise.fetch_model --from "
                         "$HOME/.cache/headwise/models/*.gguf",
    "rank free of pip": f"HEADWISE_HOME=/h /u/bin/headwise {RERANK}",
    "unpack": "tar --extract --gzip --file /given/*.tar.gz --directory /opt",
    "rank from the tarball": f"/opt/headwise-*/bin/headwise {RERANK}",
    "fetch from the tarball": "/opt/headwise-*/bin/headwise-fetch-model",
    "nothing compiled": "! command -v cc gcc g++ c++ clang make cmake",
}
FIRST_RANKING = ("install", "fetch", "rank")


def in_chroot(root: Path, command: str) -> subprocess.CompletedProcess[str]:
    """Runs in the new system with a /proc of its own, which goes when it has ended."""
    kept = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_", "HTTP", "http"))}
    environment = {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LANG": "C.UTF-8"}
    inner = 'mount -t proc proc "$0/proc" && exec chroot "$0" sh -ec "$1"'
    return subprocess.run(["unshare", "--mount", "sh", "-c", inner, str(root), command], env=environment,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)


def make_system(suite: str, root: Path) -> None:
    """A minimal Debian with Python."""
    made = subprocess.run(["debootstrap", "--variant=minbase", "--include=python3,python3-venv", suite, str(root)],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    if made.returncode != 0:
        sys.exit(f"try: debootstrap {suite}: exit status {made.returncode}\n{made.stdout[-2000:]}{made.stderr}")


def give(root: Path, wheel: Path, tarball: Path) -> None:
    """The two files in /given, and what this machine has to reach the package index."""
    shutil.copyfile("/etc/resolv.conf", root / "etc" / "resolv.conf")
    # The certificates that this machine trusts, where pip or Python there look for them.
    for file in filter(None, ["/etc/ssl/certs/ca-certificates.crt", os.environ.get("PIP_CERT")]):
        if os.path.isfile(file):
            (root / file[1:]).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, root / file[1:])
    given = root / "given"
    shutil.rmtree(given, ignore_errors=True)
    given.mkdir()
    shutil.copy(wheel, given)
    shutil.copy(tarball, given)
    (given / "passages.txt").write_text(PASSAGES)


def main() -> None:
    parser = argparse.ArgumentParser(prog="packaging/try_bundle.py", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--suite", default="bookworm", help="Debian's release: bookworm (12), trixie (13)")
    parser.add_argument("--root", type=Path, help="a system that debootstrap has made already; it is written to")
    parser.add_argument("--wheel", type=Path, required=True, help="for that release's Python")
    parser.add_argument("--tarball", type=Path, required=True)
    arguments = parser.parse_args()
    if os.geteuid() != 0 or shutil.which("debootstrap") is None:
        sys.exit("try: a new system takes root and debootstrap (scripts/packages-debian.txt)")
    seconds: dict[str, float] = {}
    printed: dict[str, str] = {}
    with tempfile.TemporaryDirectory(prefix="headwise-try-") as folder:
        root = arguments.root or Path(folder) / "root"
        began = time.monotonic()
        if arguments.root is None:
            make_system(arguments.suite, root)
        give(root, arguments.wheel, arguments.tarball)
        seconds["debootstrap"] = round(time.monotonic() - began, 1)
        for name, command in STEPS.items():
            began = time.monotonic()
            done = in_chroot(root, command)
            seconds[name] = round(time.monotonic() - began, 1)
            print(f"try: {arguments.suite}: {name}: {seconds[name]} s\n{done.stderr}", end="", file=sys.stderr, flush=True)
            if done.returncode != 0:
                sys.exit(f"try: {name}: exit status {done.returncode}\n{done.stdout}")
            printed[name] = done.stdout
    together = round(sum(seconds[name] for name in FIRST_RANKING), 1)
    print(json.dumps({"suite": arguments.suite, "first ranking": together, "seconds": seconds, "printed": printed}))


if __name__ == "__main__":
    main()
