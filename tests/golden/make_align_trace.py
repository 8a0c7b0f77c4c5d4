# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Writes tests/data/align: small training data, an adapter to start from, and the losses of ten updates of each of two
runs of `headwise align` as eager PyTorch has them: transformers' Llama in float64 with its own eager attention, PEFT's
LoRA, torch.optim.AdamW, and the losses from the text of docs/method.md#training. Shares no code with the engine;
tests/e2e/test_align_trace.py compares.

    reference/bin/python tests/golden/make_align_trace.py        # packages: scripts/requirements-reference.txt
"""
from __future__ import annotations

import json
import math
import shutil
from pathlib import Path

import peft
import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer

from prompts import BLOCKS, lay_out, text_segments

DATA = Path(__file__).resolve().parent.parent / "data"
MODEL = DATA / "golden" / "models" / "tiny-llama-linear"
OUT = DATA / "align"
HEADS = [(1, 3), (1, 0), (0, 2)]
RANK, ALPHA = 4, 8.0
PROJECTIONS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
# Of the deepest layer that is read only queries and keys run.
TRAINED = r".*layers\.0\..*_proj|.*layers\.1\.self_attn\.[qk]_proj"
UPDATES = 10
SHARED = {"updates": UPDATES, "learning-rate": 0.005, "weight-decay": 0.02, "clip": 0.5, "rank": RANK, "alpha": ALPHA, "list-size": 6,
          "encoding": "blocks", "heads": ",".join(f"{layer}-{head}" for layer, head in HEADS)}
# accumulate = the file's batches: their order does not matter then. A set of one query has one list, too.
RUNS = {
    "teacher": {"targets": "targets.jsonl", "calibration": "ratio", "accumulate": 3, "temperature": 0.2},
    "graded": {"graded": "dir=.,run=run.trec", "calibration": "none", "pairs": 3, "regulariser": "kl", "regulariser-weight": 0.3},
}


def write_data() -> tuple[list[dict], dict]:
    """The teacher's batches and the graded list."""
    words = "moon earth novel river cat dog stone house tree bird lamp sea".split()
    batches = []
    for number in range(3):
        passages = [{"text": " ".join(words[(7 * number + 3 * place + i * (place + 2)) % len(words)] for i in range(4 + (number + place) % 5))}
                    for place in range(6)]
        scores = [[round(0.1 + 0.8 * ((5 * place + 3 * number + 2 * query) % 7) / 7, 3) for place in range(6)] for query in range(2)]
        batches.append({"set": f"batch {number}", "passages": passages, "queries": [f"the {words[number]}?", f"{words[number + 4]} and sea"],
                        "scores": scores})
    graded = {"query": "which one has the moon?", "grades": [0, 2, 0, 1, 0, 1],
              "passages": [{"text": text} for text in ("stone and river and bird", "the moon the moon of a cat", "lamp",
                                                       "a moon in a novel", "house by the sea, tree by the house", "moon dog")]}
    shutil.rmtree(OUT, ignore_errors=True)
    (OUT / "qrels").mkdir(parents=True)

    def lines(name: str, rows: list[str]) -> None:
        (OUT / name).write_text("\n".join(rows) + "\n")

    lines("targets.jsonl", [json.dumps(batch) for batch in batches])
    lines("corpus.jsonl", [json.dumps({"_id": f"d{i}", "text": p["text"]}) for i, p in enumerate(graded["passages"])])
    lines("queries.jsonl", [json.dumps({"_id": "q", "text": graded["query"]})])
    lines("run.trec", [f"q Q0 d{i} {i + 1} {10 - i} made-up" for i in range(6)])
    lines("qrels/test.tsv", ["query-id\tcorpus-id\tscore"] + [f"q\td{i}\t{grade}" for i, grade in enumerate(graded["grades"]) if grade])
    return batches, graded


def adapted_model():
    """The model with PEFT's LoRA on what is trained, both factors random; in double precision."""
    model = transformers.AutoModelForCausalLM.from_pretrained(MODEL, dtype=torch.float32, attn_implementation="eager")
    model = peft.get_peft_model(model, peft.LoraConfig(r=RANK, lora_alpha=ALPHA, target_modules=TRAINED))
    generator = torch.Generator().manual_seed(11)
    with torch.no_grad():
        for name, value in sorted(model.named_parameters()):
            if "lora_" in name:  # numbers that fp32 files hold
                value.copy_(torch.randn(value.shape, generator=generator) * 0.1)
    return model.double()


def write_start(model) -> None:
    """As PEFT writes it, with the projections by name: the layers' own list is in the tensors' names."""
    folder = OUT / "start"
    folder.mkdir()
    tensors = {name.replace(".default", ""): value.detach().float().contiguous() for name, value in model.named_parameters() if "lora_" in name}
    save_file(tensors, folder / "adapter_model.safetensors", metadata={"format": "pt"})
    (folder / "adapter_config.json").write_text(json.dumps(
        {"peft_type": "LORA", "r": RANK, "lora_alpha": ALPHA, "target_modules": PROJECTIONS, "bias": "none", "fan_in_fan_out": False,
         "base_model_name_or_path": MODEL.name}, indent=1) + "\n")


def sums(model, tokenizer, query: str, passages: list[dict], content_free: bool) -> torch.Tensor:
    """s[h](d), [heads, passages]: mean over the query's rows of the attention to a passage's tokens, summed."""
    prompt = lay_out(text_segments(tokenizer, query, passages, BLOCKS, max_words=60), BLOCKS, content_free)
    mask = torch.zeros(len(prompt.ids), len(prompt.ids), dtype=torch.float64)
    mask.masked_fill_(~torch.from_numpy(prompt.mask()), torch.finfo(torch.float64).min)
    output = model.base_model.model.model(input_ids=torch.tensor([prompt.ids]), position_ids=torch.tensor([prompt.positions]),
                                          attention_mask=mask[None, None], use_cache=False, output_attentions=True)
    begin, end = prompt.rows["all"]
    return torch.stack([torch.stack([output.attentions[layer][0, head, begin:end, first:last].sum(-1).mean() for first, last in prompt.spans])
                        for layer, head in HEADS])


def logits(model, tokenizer, query: str, passages: list[dict], calibration: str) -> torch.Tensor:
    queried = sums(model, tokenizer, query, passages, False)
    if calibration == "none":
        return torch.log(queried.sum(0) + 1e-9)
    empty = sums(model, tokenizer, query, passages, True)
    return (torch.log(queried + 1e-7) - torch.log(empty + 1e-7)).mean(0)


def divergence(target: torch.Tensor, l: torch.Tensor) -> torch.Tensor:
    return (target * (target.log() - torch.log_softmax(l, 0))).sum()


def pair_loss(l: torch.Tensor, grades: list[int], pairs: int) -> torch.Tensor:
    margins = []
    levels = sorted(set(grades))
    for low, high in zip(levels, levels[1:]):
        boundary = [l[i] - l[j] for i, a in enumerate(grades) if a == high for j, b in enumerate(grades) if b == low]
        margins += sorted(boundary, key=lambda margin: float(margin.detach()))[:pairs]
    return torch.stack([torch.nn.functional.softplus(-(margin / 0.5 - 0.1)) for margin in margins]).mean()


def teacher_losses(model, tokenizer, batches, run):
    for batch in batches:
        yield sum(divergence(torch.softmax(torch.tensor(scores, dtype=torch.float64) / run["temperature"], 0),
                             logits(model, tokenizer, query, batch["passages"], run["calibration"]))
                  for query, scores in zip(batch["queries"], batch["scores"])) / len(batch["queries"])


def graded_losses(model, tokenizer, graded, run):
    l = logits(model, tokenizer, graded["query"], graded["passages"], run["calibration"])
    wanted = torch.softmax(torch.tensor(graded["grades"], dtype=torch.float64), 0)
    yield pair_loss(l, graded["grades"], run["pairs"]) + run["regulariser-weight"] * divergence(wanted, l)


def rate(step: int) -> float:
    warm_up = math.ceil(0.1 * UPDATES)
    if step < warm_up:
        return (step + 1) / warm_up
    return 0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * (step - warm_up) / (UPDATES - warm_up)))


def trace(losses_of) -> dict:
    model = adapted_model()
    trained = [value for name, value in sorted(model.named_parameters()) if "lora_" in name]
    optimiser = torch.optim.AdamW(trained, betas=(0.9, 0.99), eps=1e-8, weight_decay=SHARED["weight-decay"])
    found = {"loss": [], "gradient_norm": []}
    for step in range(UPDATES):
        optimiser.zero_grad()
        losses = list(losses_of(model))
        loss = sum(losses) / len(losses)
        loss.backward()
        assert all(value.grad is not None for value in trained)
        found["gradient_norm"].append(float(torch.nn.utils.clip_grad_norm_(trained, SHARED["clip"])))
        found["loss"].append(float(loss.detach()))
        for group in optimiser.param_groups:
            group["lr"] = SHARED["learning-rate"] * rate(step)
        optimiser.step()
    return found


def main() -> None:
    batches, graded = write_data()
    write_start(adapted_model())
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    runs = {"teacher": lambda model: teacher_losses(model, tokenizer, batches, RUNS["teacher"]),
            "graded": lambda model: graded_losses(model, tokenizer, graded, RUNS["graded"])}
    versions = {package.__name__: package.__version__ for package in (torch, transformers, peft)}
    written = {"made_with": versions, "model": MODEL.name,
               "runs": {name: {"flags": {**SHARED, **RUNS[name]}, **trace(losses)} for name, losses in runs.items()}}
    (OUT / "trace.json").write_text(json.dumps(written, indent=1) + "\n")
    for name, run in written["runs"].items():
        print(name, [round(loss, 6) for loss in run["loss"]])


if __name__ == "__main__":
    main()
