# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What the adapters share: each takes a Reranker, or what makes one."""
from typing import Any

from ._errors import UsageError
from ._reranker import Reranker
from ._values import Path


def as_reranker(model: "Reranker | Path | None", settings: dict[str, Any]) -> Reranker:
    if not isinstance(model, Reranker):
        return Reranker(model, **settings)
    if settings:
        raise UsageError(f"{', '.join(sorted(settings))}: a Reranker that is made already cannot be set; make it with them")
    return model
