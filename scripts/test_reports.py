# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What a JUnit report says: how many cases passed, which failed and with what words, what was skipped and why.

Standard library only.
"""
from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

FAILURE_LINES = 12  # of one failure's words


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    notes: list[str] = field(default_factory=list)  # names of what failed, reasons of what was skipped
    building: float = 0  # seconds of the section that went into configuring, compiling and linking

    def add(self, other: "Counts") -> None:
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped
        self.notes += other.notes
        self.building += other.building


no_skips = False  # set by --no-skips


def excused(reason: str) -> bool:
    """Whether a test may be skipped for this reason where nothing may be missing: see tests/support/where.py."""
    if reason.startswith("shared:"):
        return not Path(os.environ["HEADWISE_SHARED"]).is_dir()
    return reason.startswith("hardware:")


def skip_reason(skipped: ElementTree.Element | None) -> str:
    """The reason's first line; GoogleTest puts the place in the source on a line before it."""
    text = ((skipped.get("message") or skipped.text) if skipped is not None else None) or "disabled"
    lines = [line for line in text.strip().splitlines() if not re.fullmatch(r"\S+:\d+", line)]
    return lines[0] if lines else "no reason given"


def what_failed(case: ElementTree.Element) -> str:
    """The words of a case's failures, the first lines of each, to stand under its name: the log's end may show other cases."""
    texts = [element.get("message") or element.text or "" for element in case if element.tag in ("failure", "error")]
    return "".join(f"\n      | {line}" for text in texts[:3] for line in text.strip().splitlines()[:FAILURE_LINES])


def case_counts(report: Path, label: str) -> Counts:
    """Counts of one JUnit file, GoogleTest's or pytest's."""
    counts = Counts()
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{label}: {case.get('classname', '')}.{case.get('name', '')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
            counts.notes.append(f"failed: {name}{what_failed(case)}")
        elif skipped is not None or case.get("result") == "skipped" or case.get("status") == "notrun":
            reason = skip_reason(skipped)
            if no_skips and not excused(reason):
                counts.failed += 1
                counts.notes.append(f"failed: {name}: skipped: {reason}")
            else:
                counts.skipped += 1
                counts.notes.append(f"skipped: {name}: {reason}")
        else:
            counts.passed += 1
    return counts
