#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Contender: a cross-encoder of a known shape with random weights in onnxruntime; started by cross_encoders.py.

A request a line, an answer a line. Weights do not change what a pass costs, so none are needed; every pair of question and
passage has `--tokens` tokens, all pairs of a request are one batch. Install: torch, transformers, onnx, onnxruntime.
"""
import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from onnxruntime.quantization import QuantType, quantize_dynamic
from transformers import BertConfig, BertForSequenceClassification

from worker_shapes import SHAPES

VOCABULARY = 30522
INPUTS = ("input_ids", "attention_mask", "token_type_ids")


def exported(shape: str, precision: str, folder: Path) -> Path:
    layers, width, heads, mlp = SHAPES[shape]
    torch.manual_seed(1)
    model = BertForSequenceClassification(BertConfig(vocab_size=VOCABULARY, num_hidden_layers=layers, hidden_size=width, num_attention_heads=heads,
                                                     intermediate_size=mlp, num_labels=1, attn_implementation="eager")).eval()
    example = tuple(torch.ones(2, 8, dtype=torch.long) for _ in INPUTS)
    axes = {name: {0: "pairs", 1: "tokens"} for name in INPUTS}
    plain = folder / "fp32.onnx"
    torch.onnx.export(model, example, str(plain), input_names=list(INPUTS), output_names=["logits"], dynamic_axes=axes, opset_version=17, dynamo=False)
    if precision == "fp32":
        return plain
    quantised = folder / "int8.onnx"
    quantize_dynamic(str(plain), str(quantised), weight_type=QuantType.QInt8)
    return quantised


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--precision", choices=("fp32", "int8"), default="fp32")
    parser.add_argument("--tokens", type=int, required=True)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    # Idle threads that spin would hold the cores of the next contender.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    with tempfile.TemporaryDirectory() as folder:
        session = onnxruntime.InferenceSession(str(exported(arguments.shape, arguments.precision, Path(folder))), options)
    draw = np.random.default_rng(1)
    for line in sys.stdin:
        pairs = len(json.loads(line)["documents"])
        shape = (pairs, arguments.tokens)
        feeds = dict(zip(INPUTS, (draw.integers(1, VOCABULARY, shape), np.ones(shape, np.int64), np.zeros(shape, np.int64))))
        scores = session.run(None, feeds)[0][:, 0]
        print(json.dumps({"results": [{"index": int(place), "score": float(scores[place])} for place in np.argsort(-scores)]}), flush=True)


if __name__ == "__main__":
    main()
