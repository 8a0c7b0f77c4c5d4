# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""bench/gpu: the script that runs on a card, run whole on the fake device, so that no minute on a card goes to a typing mistake."""
import json
import subprocess
import sys

from conftest import ROOT, must_run, run

GPU = ROOT / "bench" / "gpu"


def test_a_dry_run_of_everything(build, tmp_path):
    must_run(sys.executable, GPU / "pack.py", tmp_path / "pack", "--dry")
    done = run(GPU / "run.sh", "--dry", tmp_path / "pack", tmp_path / "out")
    assert done.returncode == 0, done.stderr
    report = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert set(report["steps"].values()) == {0} and {"check", "speed-tiny"} <= set(report["steps"])
    checks = report["check"]["checks"]
    assert report["check"]["device"].startswith("Fake device") and len({row["model"] for row in checks}) == 12
    assert all(row["good"] and row["same bits twice"] and row["truncated is full"] and row["kept is fresh"] for row in checks)
    assert {row["precision"] for row in checks} == {"fp32", "bf16"} and {row["encoding"] for row in checks} == {"blocks", "list"}
    (speed,) = report["speed"]
    assert [(row["encoding"], row["passages"]) for row in speed["passes"]] == [("blocks", 20), ("list", 20), ("blocks", 100), ("list", 100)]
    assert all(row["tokens_per_s"] > 0 for row in speed["passes"])
    assert all(row["kept"]["p50"] <= row["kept"]["p99"] for row in speed["passes"] if row["encoding"] == "blocks")
    assert "tiny       blocks  20 passages" in done.stdout
    if "torch" in report["steps"]:
        assert all(row["torch_seconds"] > 0 and row["share_of_measured_peak"] > 0 for row in speed["passes"])


def test_a_step_that_fails_is_named_and_the_others_go_on(build, tmp_path):
    must_run(sys.executable, GPU / "pack.py", tmp_path / "pack", "--dry")
    (tmp_path / "pack" / "libheadwise_cuda_fake.so").unlink()
    done = run(GPU / "run.sh", "--dry", tmp_path / "pack", tmp_path / "out")
    assert done.returncode == 1
    assert "run.sh: check: exit status 2" in done.stderr and "libheadwise_cuda_fake.so" in done.stderr
    report = json.loads((tmp_path / "out" / "gpu.json").read_text())
    assert report["steps"]["check"] == 2 and report["check"] is None and report["speed"] == []
    assert "step    speed-tiny: exit status 2" in done.stdout


def test_the_scripts_are_shell(tmp_path):
    for script in ("run.sh", "build_library.sh"):
        subprocess.run(["bash", "-n", GPU / script], check=True)
