#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""What one run of bench/gpu/run.sh found, as one JSON file with the card's name, and a short table on stdout. Standard library
only; whatever step failed is missing, and named.

    bench/gpu/report.py FOLDER OUT.json
"""
import json
import sys
from pathlib import Path


def read(path: Path):
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError):
        return None


def of_encoding(passes: list[dict], row: dict) -> dict | None:
    return next((other for other in passes if (other["encoding"], other["passages"]) == (row["encoding"], row["passages"])), None)


def compare(ours: dict, torch: dict | None) -> None:
    """Adds the share of the card's measured bf16 product, and torch's time over ours, to our passes."""
    peak = torch["bounds"]["tflops"] if torch else None
    shape = next((found for found in torch["shapes"] if found["shape"] == ours["shape"]), {}) if torch else {}
    for row in ours["passes"]:
        if peak:
            row["share_of_measured_peak"] = row["tflops"] / peak
        other = of_encoding(shape.get("passes", []), row)
        if other:
            row["torch_seconds"] = other["seconds"]["median"]
            row["torch_over_ours"] = other["seconds"]["median"] / row["seconds"]["median"]


def main() -> None:
    folder, out = Path(sys.argv[1]), Path(sys.argv[2])
    torch = read(folder / "torch.json")
    check = read(folder / "check.json")
    report = {"card": (torch or {}).get("card") or (check or {}).get("device", "unknown"), "steps": read(folder / "steps.json") or {},
              "check": check, "bounds": (torch or {}).get("bounds"), "torch": {key: (torch or {}).get(key) for key in ("torch", "transformers")},
              "speed": []}
    for path in sorted(folder.glob("speed-*.json")):
        if ours := read(path):
            compare(ours, torch)
            report["speed"].append(ours)
    out.write_text(json.dumps(report, indent=1) + "\n")
    print(f"card    {report['card']}")
    for name, status in report["steps"].items():
        print(f"step    {name}: {'done' if status == 0 else f'exit status {status}'}")
    for row in (check or {}).get("checks", []):
        if not row["good"]:
            print(f"outside {json.dumps(row)}")
    for ours in report["speed"]:
        for row in ours["passes"]:
            share, torch_over = row.get("share_of_measured_peak"), row.get("torch_over_ours")
            kept = row.get("kept")
            print(f"{ours['shape']:10} {row['encoding']:6} {row['passages']:3} passages  {1000 * row['seconds']['median']:9.2f} ms  "
                  f"{row['tokens_per_s']:10.0f} tokens/s  {'' if share is None else f'{100 * share:5.1f} % of the peak'}  "
                  f"{'' if torch_over is None else f'torch x {torch_over:.2f}'}  "
                  f"{'' if kept is None else 'kept p50 {:.2f} p99 {:.2f} ms'.format(1000 * kept['p50'], 1000 * kept['p99'])}")


if __name__ == "__main__":
    main()
