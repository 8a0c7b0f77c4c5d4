# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Tiny models as GGUF files, written with llama.cpp's own `gguf` package and its conventions: q and k rows of llama
models permuted, those of qwen2 not; llama3 rope scaling as the tensor rope_freqs.weight of frequency divisors."""
from __future__ import annotations

import math
from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import AutoModelForCausalLM

from gguf_model import NAMES, permute

SUFFIXES = ("weight", "bias")


def rope_divisors(config) -> np.ndarray:
    """What llama.cpp's converter stores for llama3 scaling: the plain frequency is divided by these."""
    settings = config.rope_parameters
    factor, original = settings["factor"], settings["original_max_position_embeddings"]
    low, high = settings["low_freq_factor"], settings["high_freq_factor"]
    divisors = []
    for pair in range(config.head_dim // 2):
        wavelength = 2 * math.pi * settings["rope_theta"] ** (2 * pair / config.head_dim)
        if wavelength < original / high:
            divisors.append(1.0)
        elif wavelength > original / low:
            divisors.append(factor)
        else:
            smooth = (original / wavelength - low) / (high - low)
            divisors.append(1.0 / ((1.0 - smooth) / factor + smooth))
    return np.array(divisors, dtype=np.float32)


def write(model, path: Path, weights: gguf.GGMLQuantizationType, tokenizer: dict) -> None:
    """Matrices in type `weights`, vectors in F32. The model is left as it is; `load_back` gives what the file holds."""
    config = model.config
    architecture = config.model_type
    writer = gguf.GGUFWriter(path, architecture)
    writer.add_name(path.stem)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(config.rope_parameters["rope_theta"])
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(head_width)
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    kind = config.rope_parameters.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(config.rope_parameters["factor"])
    if kind == "yarn":
        writer.add_rope_scaling_orig_ctx_len(config.rope_parameters["original_max_position_embeddings"])
    add_tokenizer(writer, tokenizer)
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_divisors(config))
    for name, values in tensors(model):
        quantized = values.ndim == 2 and weights != gguf.GGMLQuantizationType.F32
        data = gguf.quantize(values, weights) if quantized else values
        writer.add_tensor(name, data, raw_dtype=weights if quantized else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(model):
    """(GGUF name, values in fp32) of every tensor, in file order."""
    config, state = model.config, model.state_dict()
    permuted = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads} if config.model_type == "llama" else {}
    yield "token_embd.weight", state["model.embed_tokens.weight"].numpy()
    yield "output_norm.weight", state["model.norm.weight"].numpy()
    if not config.tie_word_embeddings:
        yield "output.weight", state["lm_head.weight"].numpy()
    for layer in range(config.num_hidden_layers):
        for theirs, ours in NAMES.items():
            for suffix in SUFFIXES:
                values = state.get(f"model.layers.{layer}.{ours}.{suffix}")
                if values is None:
                    continue
                array = values.numpy()
                yield f"blk.{layer}.{theirs}.{suffix}", permute(array, permuted[theirs]) if theirs in permuted else array


def add_tokenizer(writer: gguf.GGUFWriter, tokenizer: dict) -> None:
    vocabulary = sorted(tokenizer["model"]["vocab"].items(), key=lambda entry: entry[1])
    specials = {token["content"] for token in tokenizer["added_tokens"]}
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list([text for text, _ in vocabulary])
    writer.add_token_types([gguf.TokenType.CONTROL if text in specials else gguf.TokenType.NORMAL for text, _ in vocabulary])
    writer.add_token_merges([" ".join(pair) for pair in tokenizer["model"]["merges"]])
    writer.add_bos_token_id(1)
    writer.add_eos_token_id(2)
    writer.add_add_bos_token(False)


@torch.no_grad()
def quantize_in_place(model, weights: gguf.GGMLQuantizationType) -> None:
    """Gives the model the values that a file of that type holds, so that it is the file's own reference."""
    for parameter in model.parameters():
        if parameter.ndim == 2:
            blocks = gguf.quantize(parameter.numpy(), weights)
            parameter.copy_(torch.from_numpy(np.ascontiguousarray(gguf.dequantize(blocks, weights))))


@torch.no_grad()
def check(model, path: Path) -> None:
    """transformers' own GGUF reader must find the same weights in the file, bit for bit."""
    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).state_dict()
    for name, values in model.state_dict().items():
        if not torch.equal(values, read[name]):
            raise AssertionError(f"{path.name}: {name} reads back differently")
