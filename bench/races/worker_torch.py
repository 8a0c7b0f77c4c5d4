#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Contender: transformers + torch, fp32, forward pass of the whole prompt, logits of its last token only, no gradients.

Started by prefill.py. One JSON line per line on stdin: {"seconds", "tokens"}; the first line describes the contender.
`--attention sdpa` is transformers' fastest; `eager` with `--output-attentions` is what published re-rankers of this
family run, every layer's [H, T, T] kept.
"""
import argparse
import json
import sys
import time
from pathlib import Path

import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "golden"))
import gguf_model  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, required=True, help="JSON array of token ids")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--attention", choices=("sdpa", "eager"), default="sdpa")
    parser.add_argument("--output-attentions", action="store_true")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ids = torch.tensor([json.loads(arguments.prompt.read_text())])
    model = gguf_model.load(arguments.gguf)
    model.set_attn_implementation(arguments.attention)

    def forward() -> None:
        with torch.inference_mode():
            model(input_ids=ids, use_cache=False, logits_to_keep=1, output_attentions=arguments.output_attentions)

    forward()  # warm-up
    print(json.dumps({"version": f"torch {torch.__version__}, transformers {transformers.__version__}", "kernels": torch.backends.cpu.get_cpu_capability()}), flush=True)
    for _ in sys.stdin:
        begun = time.perf_counter()
        forward()
        print(json.dumps({"seconds": time.perf_counter() - begun, "tokens": ids.shape[1]}), flush=True)


if __name__ == "__main__":
    main()
