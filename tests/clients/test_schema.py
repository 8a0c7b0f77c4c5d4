# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""schemathesis over /openapi.json: at least 2,000 requests made from the description, sound and unsound, without a 5xx, an
answer that the description does not allow, or an unsound request that is taken for a sound one."""
import re
import subprocess
import sys
from pathlib import Path

from conftest import ROOT, Server

CASES = 2000


def test_two_thousand_cases(tmp_path):
    program = Path(sys.executable).with_name("schemathesis")
    # Two sound fields may contradict each other, or the whole be too long for the model, which no schema can say.
    ours = ["--exclude-checks", "positive_data_acceptance"]
    (tmp_path / "facts.txt").write_text("The Moon circles the Earth.\nEmma is a novel by Jane Austen.\nA a 0 1 word.\n")
    with Server("--no-log", "--corpus", tmp_path / "facts.txt") as server:
        done = subprocess.run([program, "run", server.url + "/openapi.json", "--max-examples", "160", "--seed", "20260729", "--continue-on-failure",
                               "--suppress-health-check", "all", "--no-color", *ours], cwd=tmp_path, capture_output=True, text=True, timeout=1500)
        log = ROOT / "build" / "logs" / "schemathesis.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(done.stdout + done.stderr)
        assert done.returncode == 0, done.stdout[-6000:]
        generated = int(re.search(r"([\d,]+) generated", done.stdout)[1].replace(",", ""))
        assert generated >= CASES
        assert server.process.poll() is None and server.get("/health").status == 200
        statuses = set(re.findall(r'status="(\d+)"', server.get("/metrics").body.decode()))
        assert {"200", "400", "405"} <= statuses and not [status for status in statuses if status.startswith("5")]
