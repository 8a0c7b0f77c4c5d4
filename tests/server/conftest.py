# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Fixtures of the server's tests; the server itself is in serving.py."""
import pytest
import where
from serving import Server


@pytest.fixture(scope="session", autouse=True)
def _built():
    where.built(where.BINARY)


@pytest.fixture(scope="module")
def server():
    with Server() as running:
        yield running
