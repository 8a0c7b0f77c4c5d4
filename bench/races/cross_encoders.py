#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Speed beside what a user would pick instead: cross-encoders of four known shapes in onnxruntime, fp32 and int8.

    .venv/bin/python bench/races/cross_encoders.py --headwise build/release/headwise --corpus ../shared/data/dl19/corpus.jsonl \\
        --questions ../shared/data/dl19/queries.jsonl --python VENV/bin/python --output OUT.json

One question and twenty passages of 75 tokens (a pair has the question's ten and three of the format beside them), two threads, in
turns; ours with nothing kept and with all passages kept. Weights of the cross-encoders are random: speed alone is compared.
"""
from __future__ import annotations

import argparse
import json
import random
import statistics
import sys
from pathlib import Path

from kept import BLOCKS, HERE, Contender, Process, commit_here, measured_bounds, passages_of, percentile, read_questions, write_report
from worker_shapes import SHAPES

PASSAGES, TOKENS, BESIDE = 20, 75, 13


def contenders(arguments) -> list[Contender]:
    ours = [str(arguments.headwise), "rerank", "--format", "jsonl", "--max-tokens", str(TOKENS), "--long", "cut", "--threads", str(arguments.threads), "--weights", "fp32", "--precision"]
    found = [Contender("headwise, nothing kept", [*ours, "fp32"], arguments.requests // 4, 2, kept=False),
             Contender("headwise, passages kept", [*ours, "fp32", "--keep-memory", "1GiB"], arguments.requests, 8),
             Contender("headwise, passages kept, blocks", [*ours, "fp32", "--keep-memory", "1GiB", *BLOCKS], arguments.requests, 8),
             Contender("headwise as by default, nothing kept", [*ours, "auto"], arguments.requests // 4, 2, kept=False),
             Contender("headwise as by default, passages kept", [*ours, "auto", "--keep-memory", "1GiB"], arguments.requests, 8)]
    for shape in SHAPES:
        for precision in ("fp32", "int8"):
            worker = [str(arguments.python), str(HERE / "worker_cross_encoder.py"), "--shape", shape, "--precision", precision, "--tokens", str(TOKENS + BESIDE), "--threads", str(arguments.threads)]
            found.append(Contender(f"{shape} shape, {precision}", worker, arguments.requests // 4, 2, kept=False))
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--headwise", type=Path, required=True)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--python", type=Path, default=Path(sys.executable), help="with torch, transformers, onnx and onnxruntime")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--requests", type=int, default=80)
    arguments = parser.parse_args()
    questions = read_questions(arguments.questions)
    documents = passages_of(arguments.corpus, PASSAGES, TOKENS)
    running = []
    for contender in contenders(arguments):
        process = Process(contender, arguments.threads)
        for _ in range(2):
            process.ask(json.dumps({"query": questions[0], "documents": documents}))
        running.append((contender, process))
        print(f"{contender.name}: ready", file=sys.stderr)
    seconds: dict[str, list[float]] = {contender.name: [] for contender, _ in running}
    draw = random.Random(5)
    while any(len(seconds[contender.name]) < contender.requests for contender, _ in running):
        for contender, process in running:
            for _ in range(min(contender.per_turn, contender.requests - len(seconds[contender.name]))):
                seconds[contender.name].append(process.ask(json.dumps({"query": draw.choice(questions), "documents": documents}))[0])
    for _, process in running:
        process.close()
    report = {"what": "one question, 20 passages of 75 tokens; cross-encoders with random weights", "commit": commit_here(), "bounds": measured_bounds(arguments),
              "threads": arguments.threads, "milliseconds": {}}
    for name, taken in seconds.items():
        report["milliseconds"][name] = {"median": round(1000 * statistics.median(taken), 1), "p99": round(1000 * percentile(taken, 0.99), 1), "requests": len(taken)}
        print(f"{name:40} {report['milliseconds'][name]['median']:9.1f} ms")
    write_report(arguments.output, report)


if __name__ == "__main__":
    main()
