#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The server under eight clients whose passages are known to 95 %, beside the same server with nothing kept.

    .venv/bin/python bench/races/serve_known.py OUT.json --corpus ../shared/data/dl19/corpus.jsonl --questions ../shared/data/dl19/queries.jsonl

Of each request's passages one in twenty was never seen before, the others are of a pool that was sent once; clients and server
share the cores. Answers of both servers are compared, bit for bit.

Bound: a new passage costs what it always does. Where a request whose passages are all known takes 1/S of the time, one with a
twentieth of them new takes 1/20 + 1/S: at 40 x 13.3 times the requests, at 58 x 14.9, at 100 x 16.7.
"""
import argparse
import http.client
import json
import os
import platform
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "support")]
from kept import BLOCKS, BLOCKS_SHORT  # noqa: E402
from serve_load import milliseconds  # noqa: E402
from serving import Server  # noqa: E402

CLIENTS = 8
NEW = 0.05
KEPT = {"kept": BLOCKS, "kept, blocks-short": BLOCKS_SHORT,
        "kept, the reader's adapter": ("--adapter", str(ROOT / "models" / "smollm2-135m-instruct" / "reader"))}  # and a join at layer 10


class Requests:
    """Bodies, drawn by all clients from one list: the same ones for every server, in the same order."""

    def __init__(self, arguments):
        draw = random.Random(11)
        words = arguments.tokens
        texts = [text[:words] for text in (json.loads(line)["text"].split() for line in arguments.corpus.open(encoding="utf-8")) if len(text) >= words]
        questions = [json.loads(line)["text"] for line in arguments.questions.open(encoding="utf-8")]
        draw.shuffle(texts)
        self.pool = [" ".join(text) for text in texts[:arguments.pool]]
        fresh = 0
        self.bodies = []
        for _ in range(arguments.requests):
            documents = draw.sample(self.pool, arguments.passages)
            for place in range(arguments.passages):
                if draw.random() < NEW:
                    text = texts[fresh % len(texts)][:]
                    draw.shuffle(text)  # as long as a real one, and never seen
                    documents[place] = " ".join(text)
                    fresh += 1
            self.bodies.append(json.dumps({"query": draw.choice(questions), "documents": documents}).encode())

    def warm_up(self, server: Server, passages: int) -> None:
        for begin in range(0, len(self.pool), passages):
            server.post("/v1/rerank", json.dumps({"query": "tea", "documents": self.pool[begin:begin + passages]}).encode())


class Crowd:
    def __init__(self, server: Server, bodies: list[bytes], until: float):
        self.server, self.bodies, self.until = server, bodies, until
        self.next = 0
        self.lock = threading.Lock()
        self.times: list[float] = []
        self.statuses: dict[str, int] = {}
        self.answers: dict[int, list] = {}

    def client(self) -> None:
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=600)
        while time.monotonic() < self.until:
            with self.lock:
                place = self.next
                self.next += 1
            if place >= len(self.bodies):
                break
            start = time.perf_counter()
            connection.request("POST", "/v1/rerank", self.bodies[place])
            response = connection.getresponse()
            answer = response.read()
            took = time.perf_counter() - start
            with self.lock:
                self.statuses[str(response.status)] = self.statuses.get(str(response.status), 0) + 1
                if response.status == 200:
                    self.times.append(took)
                    self.answers[place] = [[hit["index"], hit["relevance_score"]] for hit in json.loads(answer)["results"]]
        connection.close()

    def run(self) -> float:
        start = time.monotonic()
        threads = [threading.Thread(target=self.client) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - start


def load(name: str, requests: Requests, arguments, *flags: str) -> tuple[dict, dict[int, list]]:
    with Server("--no-log", "--max-prompt-tokens", "0", "--max-tokens", str(arguments.tokens), "--weights", "fp32", "--precision", "fp32", "--long", "cut", *flags, model=None) as server:
        if flags[1] != "0":
            requests.warm_up(server, arguments.passages)
        crowd = Crowd(server, requests.bodies, time.monotonic() + arguments.seconds)
        took = crowd.run()
        memory = server.metric("process_resident_memory_bytes")
        server.stop()
    result = {"flags": [flag.replace(f"{ROOT}/", "") for flag in flags], "seconds": round(took, 1), "statuses": crowd.statuses, "answers_per_second": round(len(crowd.times) / took, 2),
              "milliseconds": milliseconds(crowd.times), "memory_mb": round(memory / 1e6)}
    print(name, json.dumps(result), flush=True)
    return result, crowd.answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--questions", type=Path, required=True)
    parser.add_argument("--passages", type=int, default=100)
    parser.add_argument("--tokens", type=int, default=110)
    parser.add_argument("--pool", type=int, default=400)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--keep-memory", default="6GiB")
    arguments = parser.parse_args()
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    processor = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    requests = Requests(arguments)
    report = {"what": "headwise serve, eight clients, 95 % of the passages known; default model; clients on the same cores", "commit": commit,
              "machine": f"{processor}, {len(os.sched_getaffinity(0))} cores", "load_average_before": os.getloadavg()[0],
              "passages": arguments.passages, "tokens_a_passage": arguments.tokens, "pool": arguments.pool}
    report["nothing kept"], plain = load("nothing kept", requests, arguments, "--keep-memory", "0")
    answers = {}
    for name, flags in KEPT.items():
        report[name], answers[name] = load(name, requests, arguments, "--keep-memory", arguments.keep_memory, *flags)
        report[name]["times_the_requests"] = round(report[name]["answers_per_second"] / report["nothing kept"]["answers_per_second"], 1)
    kept = answers["kept"]
    both = plain.keys() & kept.keys()
    report["answers_compared"] = len(both)
    report["answers_that_differ"] = sum(plain[place] != kept[place] for place in both)
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
