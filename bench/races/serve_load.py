#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The server under load, on loopback, clients and server on the same cores: what it adds to the library's time, 8 clients, and four times as
many clients as its queue holds. Every answer is compared with the binary's, bit for bit.

    .venv/bin/python bench/races/serve_load.py OUT.json [SECONDS]

Bounds: 3 ms a request over the library; only 200 and 429, no wrong answer, no lost request, steady memory; /health in 50 ms.
"""
import argparse
import http.client
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "server"), str(ROOT / "tests" / "support")]
from serving import Server, rerank  # noqa: E402

QUEUE = 16


def demo() -> tuple[str, list[str]]:
    question = (ROOT / "examples/demo/questions.tsv").read_text().splitlines()[1].split("\t")[1]
    return question, [json.loads(line)["text"] for line in (ROOT / "examples/demo/venus.jsonl").read_text().splitlines()]


def make_requests(count: int) -> list[tuple[bytes, list]]:
    """Bodies of two to five short passages, and the binary's results."""
    question, passages = demo()
    chosen = random.Random(7)
    made = []
    for _ in range(count):
        documents = [" ".join(text.split()[:25]) for text in chosen.sample(passages, chosen.randint(2, 5))]
        expected = [[hit["index"], hit["score"]] for hit in rerank(question, documents, "--score", "relevance", model=None)]
        made.append((json.dumps({"query": question, "documents": documents}).encode(), expected))
    return made


def percentile(values: list[float], part: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else float("nan")


def milliseconds(values: list[float]) -> dict:
    return {"p50": round(1000 * percentile(values, 0.5), 2), "p99": round(1000 * percentile(values, 0.99), 2),
            "max": round(1000 * max(values, default=float("nan")), 2), "count": len(values)}


def busy_seconds() -> float:
    """Of all cores, since the machine started."""
    user, nice, system, _, _, interrupts, soft, *_ = map(int, open("/proc/stat").readline().split()[1:])
    return (user + nice + system + interrupts + soft) / os.sysconf("SC_CLK_TCK")


def process_seconds(server: Server) -> float:
    """Of the server and of this script."""
    fields = open(f"/proc/{server.process.pid}/stat").read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK") + sum(os.times()[:2])


class Client(threading.Thread):
    def __init__(self, server: Server, requests, until: float, seed: int):
        super().__init__()
        self.server, self.requests, self.until = server, requests, until
        self.random = random.Random(seed)
        self.times: list[float] = []
        self.statuses: dict[str, int] = {}
        self.wrong = self.lost = 0

    def run(self):
        connection = http.client.HTTPConnection(self.server.host, self.server.port, timeout=300)
        while time.monotonic() < self.until:
            body, expected = self.random.choice(self.requests)
            start = time.perf_counter()
            try:
                connection.request("POST", "/v1/rerank", body)
                response = connection.getresponse()
                answer = response.read()
            except (OSError, http.client.HTTPException) as problem:
                self.lost += 1
                print("lost:", repr(problem), file=sys.stderr)
                connection.close()
                continue
            self.statuses[str(response.status)] = self.statuses.get(str(response.status), 0) + 1
            if response.status == 200:
                self.times.append(time.perf_counter() - start)
                if [[hit["index"], hit["relevance_score"]] for hit in json.loads(answer)["results"]] != expected:
                    self.wrong += 1
            else:
                time.sleep(self.random.uniform(0.1, 0.5))
        connection.close()


def load(name: str, clients: int, seconds: float, requests, *flags) -> dict:
    with Server("--no-log", *flags, model=None) as server:
        for body, _ in requests:  # every size once, so that memory has its level
            server.post("/v1/rerank", body)
        memory = [server.metric("process_resident_memory_bytes")]
        busy, ours = busy_seconds(), process_seconds(server)
        start = time.monotonic()
        crowd = [Client(server, requests, start + seconds, seed) for seed in range(clients)]
        for client in crowd:
            client.start()
        health = []
        while any(client.is_alive() for client in crowd):
            health.append(server.health_milliseconds() / 1000)
            if len(health) % 50 == 0:
                memory.append(server.metric("process_resident_memory_bytes"))
            time.sleep(0.1)
        took = time.monotonic() - start
        memory.append(server.metric("process_resident_memory_bytes"))
        tokens = server.metric("headwise_prompt_tokens_sum")
        others = (busy_seconds() - busy - (process_seconds(server) - ours)) / took
        stopped = server.stop()
    statuses: dict[str, int] = {}
    for client in crowd:
        for status, count in client.statuses.items():
            statuses[status] = statuses.get(status, 0) + count
    times = [one for client in crowd for one in client.times]
    result = {"clients": clients, "flags": list(map(str, flags)), "seconds": round(took, 1), "statuses": statuses,
              "wrong_answers": sum(client.wrong for client in crowd), "lost_requests": sum(client.lost for client in crowd),
              "answers_per_second": round(len(times) / took, 2), "tokens_per_second": round(tokens / took),
              "milliseconds": milliseconds(times), "health_milliseconds": milliseconds(health),
              "memory_mb": [round(value / 1e6) for value in memory], "exit_status": stopped,
              "cores_taken_by_other_work": round(others, 2)}
    print(name, json.dumps(result), flush=True)
    return result


def overhead(repeats: int) -> dict:
    """What the client waits, minus what the engine took by its own clock, for the demo's twenty passages."""
    question, passages = demo()
    result = {}
    with Server("--no-log", model=None) as server:
        for name, documents in (("20 passages", passages), ("2 passages", passages[:2])):
            body = json.dumps({"query": question, "documents": documents, "timings": True}).encode()
            connection = http.client.HTTPConnection(server.host, server.port, timeout=300)
            added, engine = [], []
            for _ in range(repeats):
                start = time.perf_counter()
                connection.request("POST", "/v1/headwise/rerank", body)
                answer = connection.getresponse().read()
                took = time.perf_counter() - start
                inside = json.loads(answer)["queries"][0]["timings"]["seconds"]
                engine.append(inside)
                added.append(took - inside)
            connection.close()
            result[name] = {"added_milliseconds": milliseconds(added), "engine_milliseconds": round(1000 * statistics.median(engine), 1)}
    print("overhead", json.dumps(result), flush=True)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("output", type=Path)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    arguments = parser.parse_args()
    seconds = arguments.seconds
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.strip()
    cpu = next((line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")), platform.processor())
    requests = make_requests(12)
    report = {"what": "headwise serve under load on loopback, default model, shipped heads; clients on the same cores",
              "machine": f"{cpu}, {len(os.sched_getaffinity(0))} cores", "load_average_before": os.getloadavg()[0], "commit": commit,
              "bounds": {"overhead_ms": 3, "health_ms": 50, "statuses": ["200", "429"]},
              "overhead": overhead(20),
              "eight_clients": load("eight clients", 8, seconds, requests),
              "four_times_the_queue": load("four times the queue", 4 * QUEUE, seconds, requests, "--max-queue", QUEUE)}
    arguments.output.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
