# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fixtures of the server's tests; the server itself is in serving.py."""
import pytest
from serving import Server, binary


@pytest.fixture(scope="session", autouse=True)
def _built():
    if not binary().is_file():
        pytest.skip(f"{binary()} is missing; run scripts/setup or set HEADWISE_BINARY")


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running
