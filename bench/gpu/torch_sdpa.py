#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""torch on the same card and the same shapes, in the same run: transformers' model of the shape with SDPA in bf16, random
weights, hidden states alone (no logits, no cache); and the card's own bounds: a large bf16 product and a copy.

`list` is one causal prompt. `blocks` is a batch of the passages, each behind the lead: what a batch does of the same work,
without the query's rows, and with the lead run once a passage. JSON on stdout.

    bench/gpu/torch_sdpa.py SPEED.json... [--dry]
"""
import argparse
import json
import statistics
import sys
import time
from pathlib import Path

import torch
import transformers

LEAD, PASSAGE, QUERY = 20, 110, 50


def synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def seconds_of(run, most: int, limit: float) -> list[float]:
    for _ in range(2):
        run()
    synchronize()
    taken: list[float] = []
    begun = time.perf_counter()
    while len(taken) < most and (len(taken) < 3 or time.perf_counter() - begun < limit):
        start = time.perf_counter()
        run()
        synchronize()
        taken.append(time.perf_counter() - start)
    return sorted(taken)


def bounds(device: str, dry: bool) -> dict:
    size = 64 if dry else 8192
    a, b = (torch.randn(size, size, device=device, dtype=torch.bfloat16) for _ in range(2))
    product = statistics.median(seconds_of(lambda: a @ b, 3 if dry else 30, 2.0))
    source = torch.empty(1 << (10 if dry else 32), dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    copied = statistics.median(seconds_of(lambda: target.copy_(source), 3 if dry else 10, 2.0))
    return {"product": size, "tflops": 2 * size**3 / product * 1e-12, "copy_tb_per_s": 2 * source.numel() / copied * 1e-12}


def model_of(config: dict, device: str) -> torch.nn.Module:
    settings = {name: value for name, value in config.items() if name not in ("architectures", "rope_theta")}
    made = transformers.AutoConfig.for_model(**settings, rope_parameters={"rope_type": "default", "rope_theta": config["rope_theta"]})
    made.torch_dtype = torch.bfloat16
    with torch.device(device):
        model = transformers.AutoModel.from_config(made, attn_implementation="sdpa", dtype=torch.bfloat16)
    return model.eval()


def measure(path: Path, device: str, dry: bool) -> dict:
    ours = json.loads(path.read_text())
    model = model_of(ours["config"], device)
    ids = ours["config"]["vocab_size"]
    found = {"shape": ours["shape"], "passes": []}
    for row in ours["passes"]:
        passages = (row["tokens"] - LEAD - QUERY) // PASSAGE
        shape = (1, row["tokens"]) if row["encoding"] == "list" else (passages, LEAD + PASSAGE)
        tokens = torch.randint(3, ids, shape, device=device)

        def forward() -> None:
            with torch.inference_mode():
                model(input_ids=tokens, use_cache=False)

        taken = seconds_of(forward, 1 if dry else 20, 3.0)
        found["passes"].append({"encoding": row["encoding"], "passages": row["passages"], "tokens": shape[0] * shape[1],
                                "seconds": {"median": statistics.median(taken), "fastest": taken[0], "runs": len(taken)}})
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speeds", nargs="+", type=Path, help="what headwise_gpu speed wrote")
    parser.add_argument("--dry", action="store_true")
    arguments = parser.parse_args()
    if not (arguments.dry or torch.cuda.is_available()):
        sys.exit("torch sees no card")
    device = "cuda" if torch.cuda.is_available() else "cpu"
    name = torch.cuda.get_device_name() if device == "cuda" else "cpu"
    report = {"card": name, "torch": torch.__version__, "transformers": transformers.__version__, "bounds": bounds(device, arguments.dry), "shapes": []}
    for path in arguments.speeds:
        try:
            report["shapes"].append(measure(path, device, arguments.dry))
        except Exception as problem:  # the other shapes are worth having
            report["shapes"].append({"shape": path.stem, "failed": repr(problem)})
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
