# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Where Python tests find the binary, the models and the shared collections, and the small collection they share.

A test is skipped for two kinds of reason alone, told by its first word: "hardware:" (this machine cannot do it) and
"shared:" (the folder of shared collections is not there). Anything else that a test needs is missing by mistake;
scripts/test --no-skips takes every other skip for a failure."""
import json
import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("HEADWISE_BINARY", ROOT / "build" / "release" / "headwise")).resolve()
# What --device cuda runs on where there is no card: HEADWISE_CUDA_LIBRARY names it.
FAKE_CUDA = Path(os.environ.get("HEADWISE_BUILD", ROOT / "build" / "release")).resolve() / "tests" / "libheadwise_cuda_fake.so"
SHARED = Path(os.environ.get("HEADWISE_SHARED", ROOT.parent / "shared"))
DEFAULT_MODEL = (Path(os.environ.get("HEADWISE_HOME") or Path.home() / ".cache" / "headwise") / "models" /
                 "SmolLM2-135M-Instruct.Q4_1.gguf")
# Small enough that an answer takes a millisecond; its scores mean nothing.
TINY = ROOT / "tests" / "data" / "golden" / "models" / "tiny-qwen3"

FACTS = [
    "The Moon circles the Earth once in about twenty-seven days.",
    "Emma is a novel by Jane Austen, first published in 1815.",
    "Copper turns green in the open air because carbonate forms on it.",
    "Bees tell each other where flowers are by the angle of a dance.",
    "Potatoes came to Europe by ship and were grown for their blossoms.",
    "Glass is made of sand, soda and lime, melted together.",
]
QUESTIONS = ["who wrote Emma?", "why does copper turn green?", "what is glass made of?", "how do bees talk?",
             "how long does the Moon take?", "where do potatoes come from?", "what did Jane Austen write?"]

# What --precision comes to unless said otherwise: Intel's avx512_bf16 is slower than fp32, its tiles are not.
_CPU = Path("/proc/cpuinfo").read_text()
_FASTER = "amx_bf16" in _CPU or ("avx512_bf16" in _CPU and "AuthenticAMD" in _CPU)
PRECISION = "bf16" if _FASTER else "fp32"


def environment(**extra) -> dict[str, str]:
    """Flags may come from the environment; what the caller has set must not reach the tests."""
    kept = {name: value for name, value in os.environ.items()
            if not name.startswith("HEADWISE_") or name in ("HEADWISE_HOME", "HEADWISE_ISA")}
    kept.pop("NO_COLOR", None)
    return {**kept, **{name: str(value) for name, value in extra.items()}}


def built(path: Path) -> Path:
    assert path.is_file(), f"{path} is missing: run scripts/setup, or set HEADWISE_BINARY or HEADWISE_BUILD"
    return path


def default_model() -> Path:
    if not DEFAULT_MODEL.is_file():
        pytest.skip(f"{DEFAULT_MODEL} is missing; run scripts/setup model")
    return DEFAULT_MODEL


def shared_folder(name: str) -> Path:
    if not SHARED.is_dir():
        pytest.skip(f"shared: there is no {SHARED}; set HEADWISE_SHARED to the folder of the shared collections")
    assert (SHARED / name).is_dir(), f"{SHARED} holds no {name}"
    return SHARED / name


def write_collection(folder: Path) -> None:
    """A small BEIR folder with a first-stage run: 7 queries, 4 candidates each."""
    (folder / "qrels").mkdir(parents=True)
    with open(folder / "corpus.jsonl", "w") as corpus:
        for place, fact in enumerate(FACTS):
            corpus.write(json.dumps({"_id": f"d{place}", "title": f"Fact {place}", "text": fact}) + "\n")
    with open(folder / "queries.jsonl", "w") as queries:
        for place, question in enumerate(QUESTIONS):
            queries.write(json.dumps({"_id": f"q{place}", "text": question}) + "\n")
    with open(folder / "run.trec", "w") as run:
        for place in range(len(QUESTIONS)):
            for rank in range(4):
                run.write(f"q{place} Q0 d{(place + rank) % len(FACTS)} {rank + 1} {10 - rank}.5 test\n")
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq0\td1\t1\nq1\td2\t1\nq9\td0\t1\n")
