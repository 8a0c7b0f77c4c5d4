# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What people install: the Debian packages, the systemd unit inside, and the Dockerfile, as far as no container engine is needed."""
import json
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from where import BINARY, TINY, built

from conftest import ROOT, must_run, run


@pytest.fixture(scope="module")
def packages(build, tmp_path_factory):
    if shutil.which("dpkg-deb") is None:
        pytest.skip("hardware: no dpkg-deb, so this is no Debian system")
    must_run("cmake", "--build", build, "--target", "headwise_shared", "headwise_cli")
    folder = tmp_path_factory.mktemp("packages")
    must_run("cpack", "--config", build / "CPackConfig.cmake", "-B", folder, "-D", "CPACK_COMPONENTS_ALL=headwise;dev")
    return {path.name.split("_")[0]: path for path in folder.glob("*.deb")}


@pytest.fixture(scope="module")
def root(packages, tmp_path_factory):
    """The packages unpacked, as if into /."""
    folder = tmp_path_factory.mktemp("root")
    for package in packages.values():
        must_run("dpkg-deb", "--extract", package, folder)
    return folder


def field(package: Path, name: str) -> str:
    return must_run("dpkg-deb", "--field", package, name).strip()


def test_packages_say_what_they_need(packages):
    assert set(packages) == {"headwise", "headwise-dev"}
    needs = field(packages["headwise"], "Depends")
    assert all(library in needs for library in ("libc6", "libonig", "libutf8proc", "libcpp-httplib", "libsqlite3", "libstemmer", "libicu", "liblmdb", "libhiredis")), needs
    assert not any(library in field(packages["headwise-dev"], "Depends") for library in ("sqlite", "libicu"))
    assert field(packages["headwise"], "Version") == must_run("dpkg-deb", "--show", "--showformat=${Version}", packages["headwise-dev"])
    assert field(packages["headwise"], "Description").startswith("re-rank passages")


def test_the_program_of_the_package_ranks(root, model):
    """With the adapter that ships: it needs no file beside the binary."""
    answer = must_run(root / "usr" / "bin" / "headwise", "rerank", "--model", model, "--query", "who wrote Emma?", "--documents",
                      ROOT / "examples" / "demo" / "venus.jsonl", "--format", "jsonl", "--quiet")
    assert answer.count('"score"') > 1


def test_what_lies_where(root):
    for path in ("bin/headwise", "lib/systemd/system/headwise.service", "share/headwise/fetch_model.py", "share/doc/headwise/copyright",
                 "include/headwise/reranker.h"):
        assert (root / "usr" / path).is_file(), path
    documents = root / "usr" / "share" / "doc" / "headwise"
    assert "Apache-2.0" in (documents / "copyright").read_text() and (documents / "licences.tsv").is_file()
    assert (documents / "licences" / "libcli11-dev").stat().st_size > 500


def test_the_model_can_be_fetched(root, model):
    """By the script beside the program, which needs no pip; the model is there already, so nobody is asked."""
    script = root / "usr" / "bin" / "headwise-fetch-model"
    assert must_run(script, env={"PATH": "/usr/bin:/bin", "HEADWISE_HOME": str(model.parent.parent)}) == f"{model}\n"


def test_the_unit_is_sound(root, tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    text = (root / "usr" / "lib" / "systemd" / "system" / "headwise.service").read_text()
    unit = tmp_path / "headwise.service"
    unit.write_text(text.replace("/usr/bin/headwise", str(root / "usr" / "bin" / "headwise")))
    done = run("systemd-analyze", "verify", unit)
    assert done.returncode == 0 and "headwise.service" not in done.stderr, done.stderr


def test_the_units_environment_is_flags(root):
    """HEADWISE_PORT and the like in the unit are flags of serve: a value that is none is refused."""
    done = subprocess.run([root / "usr" / "bin" / "headwise", "serve"], capture_output=True, text=True, check=False, timeout=60,
                          env={"PATH": "/usr/bin:/bin", "HEADWISE_PORT": "no-port", "HEADWISE_HOST": "127.0.0.1"})
    assert done.returncode == 2 and "port" in done.stderr.lower(), done.stderr


def test_the_dockerfile_is_sound():
    linter = Path(sys.executable).with_name("hadolint")
    if not linter.is_file():
        pytest.skip("no hadolint in this environment; run scripts/setup python")
    assert must_run(linter, "--no-color", ROOT / "packaging" / "Dockerfile") == ""


def test_the_dockerfile_names_what_is_there():
    """Files of the tree, the tools that the wheel is built with, and the answer of its health check."""
    text = (ROOT / "packaging" / "Dockerfile").read_text()
    named = set(re.findall(r"(?<![\w/])(?:scripts|packaging)/[\w./-]*\w", text))
    assert {"scripts/packages-build.txt", "scripts/python_package.py", "packaging/bundle.py"} <= named
    assert [name for name in named if not (ROOT / name).is_file()] == []
    tools = re.search(r"grep -E '\^\(([\w|-]+)\)==' (\S+)", text)
    pins = {line.partition("==")[0] for line in (ROOT / tools[2]).read_text().splitlines() if "==" in line}
    assert set(tools[1].split("|")) <= pins
    left_out = (ROOT / ".dockerignore").read_text().split()
    assert not [name for name in named if name.split("/")[0] in left_out]


def test_the_health_check_asks_and_hears():
    """The image has no curl: bash asks. 0 for a server, another status for none."""
    command = json.loads(re.search(r'CMD (\["bash".*\])', (ROOT / "packaging" / "Dockerfile").read_text())[1])
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
    asks = [part.replace("/8080", f"/{port}") for part in command]
    assert subprocess.run(asks, capture_output=True, check=False, timeout=30).returncode != 0
    with subprocess.Popen([built(BINARY), "serve", "--port", str(port), "--model", TINY], stderr=subprocess.DEVNULL) as server:
        try:
            end = time.monotonic() + 60
            while subprocess.run(asks, capture_output=True, check=False, timeout=30).returncode != 0:
                assert time.monotonic() < end and server.poll() is None
                time.sleep(0.1)
        finally:
            server.terminate()
