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

from gguf_model import HEAD_NORMS, NAMES, permute

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


# Beside llama's, or in their place.
FAMILY_NAMES = {
    "gemma2": {"post_attention_norm": "post_attention_layernorm", "ffn_norm": "pre_feedforward_layernorm", "post_ffw_norm": "post_feedforward_layernorm"},
    "olmo2": {
        "post_attention_norm": "post_attention_layernorm", "post_ffw_norm": "post_feedforward_layernorm", **HEAD_NORMS, "ffn_norm": None,
    },
    "phi3": {"attn_qkv": "self_attn.qkv_proj", "ffn_up": "mlp.gate_up_proj"},
}
FAMILY_NAMES["qwen3moe"] = {**HEAD_NORMS, "ffn_gate_inp": "mlp.gate"}
FAMILY_NAMES["gemma3"] = {**FAMILY_NAMES["gemma2"], **HEAD_NORMS}
PERMUTED = ("llama", "smollm3", "granite")


def architecture_of(config) -> str:
    return {"gemma3_text": "gemma3", "mistral": "llama", "qwen3_moe": "qwen3moe"}.get(config.model_type, config.model_type)


def add_family_keys(writer: gguf.GGUFWriter, config) -> None:
    """As llama.cpp's convert_hf_to_gguf.py writes them."""
    if getattr(config, "sliding_window", None) and config.model_type != "smollm3":
        writer.add_sliding_window(config.sliding_window)
    if config.model_type == "gemma3_text":
        writer.add_uint32("gemma3.attention.sliding_window_pattern", 2)
    if config.model_type == "gemma2":
        writer.add_attn_logit_softcapping(config.attn_logit_softcapping)
        writer.add_final_logit_softcapping(config.final_logit_softcapping)
    if config.model_type == "qwen3_moe":
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)
    if config.model_type == "granite":
        writer.add_attention_scale(config.attention_multiplier)
        writer.add_embedding_scale(config.embedding_multiplier)
        writer.add_residual_scale(config.residual_multiplier)
        writer.add_logit_scale(config.logits_scaling)


def write(model, path: Path, weights: gguf.GGMLQuantizationType, tokenizer: dict) -> None:
    """Matrices in type `weights`, vectors in F32. The model is left as it is; `load_back` gives what the file holds."""
    config = model.config
    rope = config.rope_parameters.get("full_attention", config.rope_parameters)
    writer = gguf.GGUFWriter(path, architecture_of(config))
    writer.add_name(path.stem)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(rope["rope_theta"])
    head_width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    writer.add_rope_dimension_count(int(head_width * rope.get("partial_rotary_factor", 1.0)))
    writer.add_key_length(head_width)
    writer.add_value_length(head_width)
    add_family_keys(writer, config)
    kind = rope.get("rope_type", "default")
    if kind in ("linear", "yarn"):
        writer.add_rope_scaling_type(gguf.RopeScalingType(kind))
        writer.add_rope_scaling_factor(rope["factor"])
    if kind in ("yarn", "longrope"):
        writer.add_rope_scaling_orig_ctx_len(rope["original_max_position_embeddings"])
    if kind == "longrope":
        original = rope["original_max_position_embeddings"]
        writer.add_rope_scaling_attn_factors(math.sqrt(1 + math.log(config.max_position_embeddings / original) / math.log(original)))
    add_tokenizer(writer, tokenizer)
    if kind == "llama3":
        writer.add_tensor("rope_freqs.weight", rope_divisors(config))
    if kind == "longrope":
        for length in ("long", "short"):
            writer.add_tensor(f"rope_factors_{length}.weight", np.array(rope[f"{length}_factor"], dtype=np.float32))
    for name, values in tensors(model):
        quantized = values.ndim >= 2 and name.find("ffn_gate_inp") < 0 and weights != gguf.GGMLQuantizationType.F32
        data = gguf.quantize(values, weights) if quantized else values
        writer.add_tensor(name, data, raw_dtype=weights if quantized else None)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def tensors(model):
    """(GGUF name, values in fp32) of every tensor, in file order."""
    config, state = model.config, model.state_dict()
    architecture = architecture_of(config)
    permuted = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads} if architecture in PERMUTED else {}
    offset = np.float32(1.0 if architecture.startswith("gemma") else 0.0)  # the converter adds Gemma's 1 to norms
    names = {**NAMES, **FAMILY_NAMES.get(architecture, {})}
    yield "token_embd.weight", state["model.embed_tokens.weight"].numpy()
    yield "output_norm.weight", state["model.norm.weight"].numpy() + offset
    if not config.tie_word_embeddings:
        yield "output.weight", state["lm_head.weight"].numpy()
    for layer in range(config.num_hidden_layers):
        for theirs, ours in names.items():
            for suffix in SUFFIXES:
                values = state.get(f"model.layers.{layer}.{ours}.{suffix}")
                if values is None:
                    continue
                array = values.numpy() + (offset if "norm" in theirs else np.float32(0.0))
                yield f"blk.{layer}.{theirs}.{suffix}", permute(array, permuted[theirs]) if theirs in permuted else array
        experts = state.get(f"model.layers.{layer}.mlp.experts.gate_up_proj")
        if experts is not None:
            gate, up = experts.numpy().reshape(experts.shape[0], 2, -1, experts.shape[2]).swapaxes(0, 1)
            yield f"blk.{layer}.ffn_gate_exps.weight", np.ascontiguousarray(gate)
            yield f"blk.{layer}.ffn_up_exps.weight", np.ascontiguousarray(up)
            yield f"blk.{layer}.ffn_down_exps.weight", state[f"model.layers.{layer}.mlp.experts.down_proj"].numpy()


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
    """transformers' own GGUF reader must find the same weights in the file, bit for bit. It does not know all families, and
    reads Phi-3 only with the real vocabulary's padding token, Qwen3-MoE only with experts of width 768 in every layer."""
    if model.config.model_type in ("olmo2", "smollm3", "granite", "phi3", "qwen3_moe"):
        return
    read = AutoModelForCausalLM.from_pretrained(path.parent, gguf_file=path.name, dtype=torch.float32).state_dict()
    for name, values in model.state_dict().items():
        # Gemma's norms went through the file with 1 added.
        if not torch.allclose(values, read[name], rtol=0, atol=1e-6 if "norm" in name else 0):
            raise AssertionError(f"{path.name}: {name} reads back differently")
