#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Contender: llama.cpp through the PyPI wheel xllamacpp, with its prefix cache: passages in front, the question behind them.

A request a line, an answer a line; started by kept.py. It gives no ranking: what is timed is the prefill that any reading of
this model would need. The cache serves the next request as long as the passages and their order are the same."""
import argparse
import json
import sys

import xllamacpp


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gguf", required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    parameters = xllamacpp.CommonParams()
    parameters.model.path = arguments.gguf
    parameters.n_ctx = 16384
    parameters.n_parallel = 1
    parameters.n_gpu_layers = 0
    parameters.cpuparams.n_threads = arguments.threads
    parameters.cpuparams_batch.n_threads = arguments.threads
    server = xllamacpp.Server(parameters)
    for line in sys.stdin:
        request = json.loads(line)
        passages = "".join(f"[{place}] {text}\n\n" for place, text in enumerate(request["documents"], 1))
        ask = f"Please find information that are relevant to the following query in the paragraphs above.\n\nQuery: {request['query']}"
        prompt = f"<|im_start|>user\nHere are some paragraphs:\n\n{passages}{ask}<|im_end|>\n<|im_start|>assistant\n"
        answer = server.handle_completions({"prompt": prompt, "n_predict": 1, "cache_prompt": True, "temperature": 0.0})
        timings = (json.loads(answer) if isinstance(answer, str) else answer)["timings"]
        print(json.dumps({"prompt_tokens_run": timings["prompt_n"], "prompt_ms": timings["prompt_ms"]}), flush=True)


if __name__ == "__main__":
    main()
