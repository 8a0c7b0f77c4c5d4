# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Shared by the end-to-end tests: where the checkout, its release build and the default model are."""
import os
import subprocess
from pathlib import Path

import pytest

from where import ROOT, default_model


def run(*command, **options) -> subprocess.CompletedProcess:
    """A finished command; its standard input is empty and its output is text."""
    return subprocess.run([str(part) for part in command], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          **options)


def must_run(*command, **options) -> str:
    done = run(*command, **options)
    assert done.returncode == 0, f"{command}: exit status {done.returncode}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
    return done.stdout


@pytest.fixture(scope="session")
def build() -> Path:
    folder = Path(os.environ.get("HEADWISE_BUILD", ROOT / "build" / "release"))
    assert (folder / "build.ninja").is_file(), f"{folder} is not configured; run scripts/setup"
    return folder


@pytest.fixture(scope="session")
def model() -> Path:
    return default_model()
