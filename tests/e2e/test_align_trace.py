# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Ten updates of headwise align on a tiny model against the losses that eager PyTorch has for the same data and start
(tests/golden/make_align_trace.py): a teacher's batches, and a graded list."""
import json

import pytest
from conftest import must_run
from tolerance import tolerance
from where import ROOT, built

DATA = ROOT / "tests" / "data" / "align"
TRACE = json.loads((DATA / "trace.json").read_text())


@pytest.mark.parametrize("name", TRACE["runs"])
def test_the_losses_are_pytorchs(build, tmp_path, name):
    built(build / "headwise-align")
    run = TRACE["runs"][name]
    flags = [part for flag, value in run["flags"].items() for part in (f"--{flag}", value)]
    must_run(build / "headwise", "align", "--model", ROOT / "tests" / "data" / "golden" / "models" / TRACE["model"], "--from", DATA / "start",
             "--train", "q,k,v,o,gate,up,down", "--evaluate-every", 0, "--threads", 1, "--output", tmp_path / "adapter", *flags, cwd=DATA)
    log = [json.loads(line) for line in (tmp_path / "adapter" / "log.jsonl").read_text().splitlines()]
    updates = [line for line in log if "loss" in line]
    assert len(updates) == len(run["loss"]) == 10
    for member in ("loss", "gradient_norm"):
        found, expected = [line[member] for line in updates], run[member]
        print(name, member, [f"{abs(a / b - 1):.1e}" for a, b in zip(found, expected)])
        assert found == pytest.approx(expected, rel=tolerance("torch", "fp32").loss), member
    # A start, a schedule or a step that is off would not show where nothing moves.
    assert run["loss"][-1] < 0.9 * run["loss"][0]
