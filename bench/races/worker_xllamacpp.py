#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Contender: llama.cpp through the PyPI wheel xllamacpp, prefill of the prompt as token ids, its own timing of the prompt.

Started by prefill.py; the same protocol as worker_torch.py. The weights stay in the file's Q4_1 and are multiplied
with activations quantised to 8 bits, which is what llama.cpp does with such a file.
"""
import argparse
import json
import sys
from pathlib import Path

import xllamacpp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", type=Path, required=True)
    parser.add_argument("--prompt", type=Path, required=True, help="JSON array of token ids")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    ids = json.loads(arguments.prompt.read_text())
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(arguments.gguf)
    parameters.n_ctx = -(-(len(ids) + 16) // 256) * 256
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    server = xllamacpp.Server(parameters)

    def prefill() -> dict:
        answer = server.handle_completions({"prompt": ids, "n_predict": 1, "cache_prompt": False, "temperature": 0.0})
        answer = json.loads(answer) if isinstance(answer, str) else answer
        timings = answer["timings"]
        return {"seconds": timings["prompt_ms"] / 1000, "tokens": timings["prompt_n"]}

    prefill()  # warm-up
    print(json.dumps({"version": f"xllamacpp {xllamacpp.__version__}", "kernels": xllamacpp.get_system_info()}), flush=True)
    for _ in sys.stdin:
        print(json.dumps(prefill()), flush=True)


if __name__ == "__main__":
    main()
