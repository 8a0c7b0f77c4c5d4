#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A GGUF file of a known model's shape with random weights (Q8_0, norms in fp32) and another file's tokenizer, for prefill.py.

    VENV/bin/python bench/races/shape_gguf.py qwen3-0.6b --tokenizer SmolLM2-135M-Instruct.Q4_1.gguf --output qwen3-0.6b.gguf

The vocabulary is the tokenizer's: a prefill reads one row of the embedding for each token, whatever their number.
"""
from __future__ import annotations

import argparse
import os
from pathlib import Path

import gguf
import numpy as np

# Layers, width, heads, key/value heads, width of a head, width of the MLP.
SHAPES = {"qwen3-0.6b": (28, 1024, 16, 8, 128, 3072)}
TOKENIZER_LISTS = {"tokens": "add_token_list", "token_type": "add_token_types", "merges": "add_token_merges", "scores": "add_token_scores"}


def copy_tokenizer(reader: gguf.GGUFReader, writer: gguf.GGUFWriter) -> None:
    for key, field in reader.fields.items():
        if not key.startswith("tokenizer."):
            continue
        name = key.rsplit(".", 1)[1]
        if name in TOKENIZER_LISTS:
            getattr(writer, TOKENIZER_LISTS[name])(field.contents())
        else:
            writer.add_key_value(key, field.contents(), field.types[0])


def write(shape: str, tokenizer: Path, output: Path) -> None:
    layers, width, heads, kv_heads, head_width, middle = SHAPES[shape]
    reader = gguf.GGUFReader(tokenizer)
    vocabulary = len(reader.fields["tokenizer.ggml.tokens"].data)
    writer = gguf.GGUFWriter(output, "qwen3")
    writer.add_name(f"{shape}, random weights")
    writer.add_context_length(8192)
    writer.add_embedding_length(width)
    writer.add_block_count(layers)
    writer.add_feed_forward_length(middle)
    writer.add_head_count(heads)
    writer.add_head_count_kv(kv_heads)
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(1e6)
    copy_tokenizer(reader, writer)
    draw = np.random.default_rng(7)

    def add(name: str, *size: int) -> None:
        if len(size) == 1:
            writer.add_tensor(name, np.ones(size, dtype=np.float32))
            return
        values = draw.standard_normal(size, dtype=np.float32) / np.float32(np.sqrt(size[1]))
        kind = gguf.GGMLQuantizationType.Q8_0
        writer.add_tensor(name, gguf.quantize(values, kind), raw_dtype=kind)

    add("token_embd.weight", vocabulary, width)
    add("output_norm.weight", width)
    for layer in range(layers):
        for name, *size in (
            ("attn_norm", width), ("attn_q", heads * head_width, width), ("attn_k", kv_heads * head_width, width), ("attn_v", kv_heads * head_width, width),
            ("attn_q_norm", head_width), ("attn_k_norm", head_width), ("attn_output", width, heads * head_width), ("ffn_norm", width),
            ("ffn_gate", middle, width), ("ffn_up", middle, width), ("ffn_down", width, middle),
        ):
            add(f"blk.{layer}.{name}.weight", *size)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shape", choices=sorted(SHAPES))
    parser.add_argument("--tokenizer", type=Path, required=True, help="a GGUF file")
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()
    part = arguments.output.with_name(f"{arguments.output.name}.part")
    write(arguments.shape, arguments.tokenizer, part)
    os.replace(part, arguments.output)


if __name__ == "__main__":
    main()
