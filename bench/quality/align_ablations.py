# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Short trainings of `headwise align`, each with one thing changed, and what the held-out training queries say of them.

A variant is a folder in OUT; one that is finished is not run again, one that was stopped goes on. Prints and writes a table: held-out
nDCG@10 before and after, and seconds an update. No test query is looked at. Several at once (--jobs) share the device, and so their seconds.

    .venv/bin/python bench/quality/align_ablations.py DATA OUT [--targets targets.jsonl] [--updates 48] [--device cuda --jobs 4] [--only NAME...]
"""
import argparse
import json
import statistics
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
HEADS = "15-6,15-7,17-0,18-6,13-6,14-7,17-4,15-5,9-0,7-7,18-7,17-5,15-2,8-6,8-8,3-5"  # the first 4, 8, 16 are the sets below
GRADED = ("dir=dl21,run=run.bm25.trec,split=test,skip=25,weight=.4", "dir=musique,run=run.given.trec,split=test,first=45,weight=.3",
          "dir=nfcorpus,run=run.bm25.train.trec,split=train,first=110,weight=.2", "dir=scifact,run=run.bm25.train.trec,split=train,first=50,weight=.1")
HELD_OUT = ("dir=dl21,run=run.bm25.trec,split=test,first=25,depth=20", "dir=musique,run=run.given.trec,split=test,skip=45,first=15,depth=20",
            "dir=nfcorpus,run=run.bm25.dev.trec,split=dev,first=25,depth=20", "dir=scifact,run=run.bm25.train.trec,split=train,skip=400,first=25,depth=20")


def first_heads(count: int) -> str:
    return ",".join(HEADS.split(",")[:count])


BASE = {"heads": first_heads(8), "train": "q,k,v,o,gate,up,down", "calibration": "ratio", "encoding": "blocks", "regulariser": "kl",
        "pairs": "16", "learning-rate": "3e-4", "list-size": "16", "lists": "2", "max-words": "60"}
WEIGHTED = {"calibration": "na", "train-weights": True, "weights-learning-rate": "0.02"}
# Name, what is changed, and whether a teacher's scores are used: graded, teacher, both.
VARIANTS = [
    ("base", {}, "graded"), ("both", {}, "both"), ("both, 32 weighted heads", {"heads": "default", **WEIGHTED}, "both"),
    ("both, 36 weighted heads to layer 18", {"heads": str(ROOT / "models" / "smollm2-135m-instruct" / "start-heads.json"), **WEIGHTED}, "both"),
    ("both, 32 weighted heads, rate 1e-3", {"heads": "default", **WEIGHTED, "learning-rate": "1e-3"}, "both"), ("teacher alone", {}, "teacher"),
    ("all pairs", {"pairs": "0"}, "graded"), ("regulariser ent", {"regulariser": "ent"}, "graded"), ("regulariser none", {"regulariser": "none"}, "graded"),
    ("regulariser var", {"regulariser": "var"}, "graded"), ("against the frozen model", {"reference": True}, "graded"),
    ("4 heads", {"heads": first_heads(4)}, "graded"), ("16 heads", {"heads": first_heads(16)}, "graded"), ("q and k alone", {"train": "q,k"}, "graded"),
    ("list", {"encoding": "list", "lists": "1"}, "graded"), ("deeper heads", {"heads": first_heads(6) + ",20-3,25-8"}, "graded"),
    ("calibration na", {"calibration": "na", "gain": "60"}, "graded"), ("calibration none", {"calibration": "none"}, "graded"),
    ("layers from 6", {"first-layer": "6"}, "graded"), ("q k v o", {"train": "q,k,v,o"}, "graded"),
]


def command(arguments, output: Path, changed: dict, source: str) -> list[str]:
    flags = {**BASE, **changed}
    words = [str(arguments.headwise), "align", "--updates", str(arguments.updates), "--evaluate-every", "0", "--device", arguments.device,
             "--precision", "tf32" if arguments.device.startswith("cuda") else "fp32",
             "--checkpoint-every", "1000000" if arguments.jobs > 1 else "8"]
    for name, value in flags.items():
        words += [f"--{name}"] if value is True else [f"--{name}", value]
    for spec in GRADED if source != "teacher" else ():
        words += ["--graded", spec]
    if source != "graded":
        words += ["--targets", str(arguments.targets.resolve())]
    for spec in HELD_OUT:
        words += ["--held-out", spec]
    return [*words, "--output", str(output)]


def row_of(name: str, output: Path) -> dict:
    lines = [json.loads(line) for line in (output / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    evaluations = [line["held_out"] for line in lines if "held_out" in line]
    figures = {}
    for before, after in zip(evaluations[0], evaluations[-1], strict=True):
        figures[before["set"]] = {key: [round(before[key], 4), round(after[key], 4)] for key in ("alone", "fused")}
    seconds = [line["seconds"] for line in lines if "loss" in line]
    return {"name": name, "held_out": figures, "median_seconds": round(statistics.median(seconds), 2), "updates": len(seconds)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--targets", type=Path)
    parser.add_argument("--updates", type=int, default=48)
    parser.add_argument("--only", nargs="*")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--jobs", type=int, default=1, help="trainings at once")
    parser.add_argument("--headwise", type=Path, default=ROOT / "build" / "release" / "headwise")
    arguments = parser.parse_args()
    out = arguments.out.resolve()
    chosen = []
    for variant in VARIANTS:
        if arguments.only and variant[0] not in arguments.only:
            continue
        if variant[2] != "graded" and arguments.targets is None:
            print(f"{variant[0]}: left out, it needs --targets", file=sys.stderr)
            continue
        chosen.append(variant)

    def run(variant) -> dict:
        name, changed, source = variant
        output = out / name.replace(",", "").replace(" ", "-")
        if not (output / "adapter_config.json").is_file():
            out.mkdir(parents=True, exist_ok=True)
            with output.with_suffix(".log").open("w", encoding="utf-8") as log:
                subprocess.run(command(arguments, output, changed, source), check=True, cwd=arguments.data, stdout=subprocess.DEVNULL, stderr=log)
        return {**row_of(name, output), "changed": changed, "source": source}

    rows = {}
    with ThreadPoolExecutor(arguments.jobs) as pool:
        running = {pool.submit(run, variant): variant[0] for variant in chosen}
        for done in as_completed(running):
            if done.exception() is not None:
                print(f"{running[done]}: {done.exception()}", file=sys.stderr)
                continue
            rows[running[done]] = done.result()
            print(json.dumps(done.result()), flush=True)
            (out / "ablations.json").write_text(json.dumps(
                {"base": BASE, "graded": GRADED, "held_out": HELD_OUT, "device": arguments.device, "jobs": arguments.jobs,
                 "rows": [rows[variant[0]] for variant in chosen if variant[0] in rows]}, indent=1) + "\n")
    if len(rows) < len(chosen):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
