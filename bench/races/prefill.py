#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Speed of one prefill, all contenders in one run: the same 1,711-token prompt, the same weights file, the same threads.

    .venv/bin/python bench/races/prefill.py --gguf SmolLM2-135M-Instruct.Q4_1.gguf --headwise build/release/headwise \\
        --llama-bench FOLDER/build/bin/llama-bench --output bench/results/prefill.json

The prompt is the `list` fixture of tests/golden (one query, twenty passages). Contenders take turns, so that a slow
minute of the machine falls on all of them; medians, and ratios to ours round by round. Loading and tokenizing count for none of them.
A contender that is not there is left out and named. See bench/races/build_llama_native.sh for llama-bench.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime, timezone
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIXTURE = ROOT / "tests" / "data" / "golden" / "fixtures" / "smollm2-135m-q4_1" / "list.json"


class Worker:
    """A process that holds the model and runs one prefill per line."""

    def __init__(self, script: str, arguments: list[str], threads: int):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / script), *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment
        )
        self.about = self.answer()

    def answer(self) -> dict:
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.process.args[1]} ended with status {self.process.wait()}; run it by hand to see why")
        return json.loads(line)

    def run(self) -> dict:
        self.process.stdin.write("run\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


class LlamaBench:
    """llama.cpp's own benchmark: a prompt of that many tokens, one warm-up inside."""

    def __init__(self, binary: Path, gguf: Path, tokens: int, threads: int):
        self.command = [str(binary), "-m", str(gguf), "-p", str(tokens), "-n", "0", "-t", str(threads), "-ngl", "0", "-r", "1", "-o", "json"]
        self.about = {}

    def run(self) -> dict:
        (report,) = json.loads(subprocess.run(self.command, check=True, capture_output=True, text=True).stdout)
        self.about = {"version": f"llama.cpp {report['build_number']} ({report['build_commit']})", "kernels": "GGML_NATIVE"}
        return {"seconds": report["avg_ns"] / 1e9, "tokens": report["n_prompt"]}

    def close(self) -> None:
        pass


class Headwise:
    """Ours: every layer, every head read, no calibration pass: exactly one prefill, as the others do."""

    def __init__(self, binary: Path, gguf: Path, request: dict, threads: int, weights: str, precision: str, folder: Path):
        documents = folder / "documents.jsonl"
        documents.write_text("".join(json.dumps({"id": str(i), **passage}) + "\n" for i, passage in enumerate(request["passages"])))
        self.command = [
            str(binary), "bench", "--json", "--model", str(gguf), "--query", request["query"], "--documents", str(documents), "--encoding", "list",
            "--calibration", "none", "--heads", "all", "--full-depth", "--weights", weights, "--precision", precision, "--threads", str(threads), "--repeat", "1",
        ]
        self.about = {}

    def run(self) -> dict:
        done = subprocess.run(self.command, capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError(f"{' '.join(self.command[:2])} ended with status {done.returncode}: {done.stderr.strip()}")
        report = json.loads(done.stdout)
        self.about = {"version": f"headwise {report['version']}", "kernels": report["machine"]["kernels"], "compiler": report["compiler"]}
        return {
            "seconds": report["seconds"]["median"] - report["stages"]["tokenize"], "tokens": report["request"]["prompt_tokens"], "gflops": report["work"]["gflops"],
            "bound_gflops": report["bounds"]["fp32_gflops"], "share_of_bound": report["work"]["share_of_bound"], "peak_megabytes": report["peak_megabytes"],
        }

    def close(self) -> None:
        pass


def contenders(arguments, prompt: Path, tokens: int, request: dict, folder: Path):
    """(name, what it is, function that starts it, or the reason why it is left out)."""
    common = ["--gguf", str(arguments.gguf), "--prompt", str(prompt), "--threads", str(arguments.threads)]
    torch_here = find_spec("torch") and find_spec("transformers") and find_spec("gguf")
    ours, native = arguments.headwise, arguments.llama_bench
    ways = [("fp32", "fp32"), ("stored", "fp32"), *((precision, precision) for precision in arguments.precision.split(",") if precision)]
    for name, precision in ways:
        weights = "stored" if name == "stored" else "fp32"
        start = (lambda w=weights, p=precision: Headwise(ours, arguments.gguf, request, arguments.threads, w, p, folder)) if ours else None
        yield f"headwise-{name}", f"ours, {precision} products, weights {weights if precision == 'fp32' else precision}", start or "no --headwise"
    yield "torch", "transformers + torch, fp32, sdpa", (lambda: Worker("worker_torch.py", common, arguments.threads)) if torch_here else "torch or transformers is not installed"
    if arguments.eager:
        eager = [*common, "--attention", "eager", "--output-attentions"]
        yield "torch-eager", "transformers + torch, fp32, eager with output_attentions", (lambda: Worker("worker_torch.py", eager, arguments.threads)) if torch_here else "torch or transformers is not installed"
    yield "xllamacpp", "llama.cpp, PyPI wheel, Q4_1 x 8 bit", (lambda: Worker("worker_xllamacpp.py", common, arguments.threads)) if find_spec("xllamacpp") else "xllamacpp is not installed"
    yield "llama-native", "llama.cpp built with GGML_NATIVE, Q4_1 x 8 bit", (lambda: LlamaBench(native, arguments.gguf, tokens, arguments.threads)) if native else "no --llama-bench"


def text_of(command: list[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine(threads: int) -> dict:
    cpu = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    return {
        "processor": cpu, "cores": len(os.sched_getaffinity(0)), "threads": threads, "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1),
        "system": platform.platform(), "load_before": round(os.getloadavg()[0], 2),
    }


def summarize(name: str, about: dict, what: str, runs: list[dict], ours: list[dict] | None) -> dict:
    seconds = [run["seconds"] for run in runs]
    tokens = runs[0]["tokens"]
    summary = {"what": what, **about, "tokens": tokens, "seconds": {"median": statistics.median(seconds), "fastest": min(seconds), "all": seconds}}
    summary["tokens_per_s"] = tokens / summary["seconds"]["median"]
    for key in ("gflops", "bound_gflops", "share_of_bound", "peak_megabytes"):
        if key in runs[0]:
            summary[key] = statistics.median(run[key] for run in runs)
    if ours:  # tokens per second of ours over theirs, round by round
        summary["ours_is_times_faster"] = statistics.median((a["tokens"] / a["seconds"]) / (b["tokens"] / b["seconds"]) for a, b in zip(ours, runs))
    return summary


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--headwise", type=Path, help="our binary, release build")
    parser.add_argument("--llama-bench", type=Path)
    parser.add_argument("--eager", action="store_true", help="also torch with eager attention and output_attentions")
    parser.add_argument("--precision", default="", help="ours once more with these products, comma separated: bf16,int8")
    parser.add_argument("--only", help="names of contenders, comma separated")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--tokens", type=int, help="cut the others' prompt to so many tokens, to try the contenders out; ours keeps the whole request")
    parser.add_argument("--output", type=Path)
    arguments = parser.parse_args()

    fixture = json.loads(FIXTURE.read_text())
    ids = fixture["query"]["ids"][: arguments.tokens]
    report = {
        "task": f"one prefill, {arguments.gguf.stem}, one query with 20 passages, list, full depth",
        "date": datetime.now(timezone.utc).isoformat(timespec="seconds"), "commit": text_of(["git", "describe", "--always", "--dirty", "--abbrev=12"]),
        "machine": machine(arguments.threads), "python": platform.python_version(), "system_compiler": text_of(["c++", "--version"]).split("\n")[0],
        "rounds": arguments.rounds, "prompt_tokens": len(ids), "left_out": {}, "contenders": {},
    }
    with tempfile.TemporaryDirectory() as temporary:
        prompt = Path(temporary) / "prompt.json"
        prompt.write_text(json.dumps(ids))
        running, runs, what = {}, {}, {}
        for name, description, start in contenders(arguments, prompt, len(ids), fixture["request"], Path(temporary)):
            if arguments.only and name not in arguments.only.split(","):
                continue
            if isinstance(start, str):
                report["left_out"][name] = start
                continue
            running[name], runs[name], what[name] = start(), [], description
        try:
            for round_number in range(arguments.rounds):
                for name, contender in running.items():
                    runs[name].append(contender.run())
                    print(f"round {round_number + 1}/{arguments.rounds}  {name:16} {runs[name][-1]['seconds']:.3f} s", file=sys.stderr, flush=True)
        finally:
            for contender in running.values():
                contender.close()
    best = min((name for name in runs if name.startswith("headwise")), key=lambda name: statistics.median(run["seconds"] for run in runs[name]), default=None)
    report["ours"] = best
    for name, contender in running.items():
        if not arguments.tokens and runs[name][0]["tokens"] != len(ids):
            raise SystemExit(f"{name} ran {runs[name][0]['tokens']} tokens, the prompt has {len(ids)}: not comparable")
        report["contenders"][name] = summarize(name, contender.about, what[name], runs[name], runs.get(best))
        if name.startswith("headwise") and "headwise-fp32" in runs:
            report["contenders"][name]["times_own_fp32"] = statistics.median(a["seconds"] / b["seconds"] for a, b in zip(runs["headwise-fp32"], runs[name]))
    for name, entry in report["contenders"].items():
        times = f"  ours is {entry['ours_is_times_faster']:.2f} x" if "ours_is_times_faster" in entry else ""
        bound = f"  {100 * entry['share_of_bound']:.0f} % of the fp32 bound" if "share_of_bound" in entry else ""
        times += f"  {entry['times_own_fp32']:.2f} x own fp32" if "times_own_fp32" in entry else ""
        print(f"{name:16} {entry['tokens_per_s']:8.0f} tokens/s  median {entry['seconds']['median']:.3f} s{times}{bound}")
    for name, reason in report["left_out"].items():
        print(f"{name:16} left out: {reason}")
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        partial = arguments.output.with_suffix(".part")
        partial.write_text(json.dumps(report, indent=1) + "\n")
        partial.replace(arguments.output)


if __name__ == "__main__":
    main()
