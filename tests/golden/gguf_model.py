# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A llama or qwen3 GGUF file as a transformers model in fp32: shape from its metadata, weights dequantised by the `gguf` package."""
from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np
import torch
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedModel, Qwen3Config, Qwen3ForCausalLM

NAMES = {
    "attn_norm": "input_layernorm", "attn_q": "self_attn.q_proj", "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj", "ffn_norm": "post_attention_layernorm", "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
# Configuration, model, what it has beside llama's tensors, whether q and k are permuted in its files.
FAMILIES = {"llama": (LlamaConfig, LlamaForCausalLM, {}, True), "qwen3": (Qwen3Config, Qwen3ForCausalLM, HEAD_NORMS, False)}


def permute(weight: np.ndarray, heads: int) -> np.ndarray:
    """Hugging Face's rotary order (halves) -> the order of llama GGUF files (interleaved pairs)."""
    rows = weight.shape[0]
    return weight.reshape(heads, 2, rows // heads // 2, -1).swapaxes(1, 2).reshape(weight.shape)


def unpermute(weight: np.ndarray, heads: int) -> np.ndarray:
    rows = weight.shape[0]
    return weight.reshape(heads, rows // heads // 2, 2, -1).swapaxes(1, 2).reshape(weight.shape)


def load(path: Path) -> PreTrainedModel:
    reader = gguf.GGUFReader(path)

    def field(key: str):
        found = reader.get_field(key)
        return None if found is None else found.contents()

    architecture = field("general.architecture")
    if architecture not in FAMILIES:
        raise ValueError(f"{path}: architecture {architecture}, only {' and '.join(FAMILIES)} are read here")
    make_config, make_model, more_names, permuted = FAMILIES[architecture]

    def shape(key: str):
        return field(f"{architecture}.{key}")

    if shape("rope.scaling.type") not in (None, "none"):
        raise ValueError(f"{path}: rope scaling is not read here")
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    heads, kv_heads = shape("attention.head_count"), shape("attention.head_count_kv")
    config = make_config(
        vocab_size=int(tensors["token_embd.weight"].shape[1]), hidden_size=shape("embedding_length"), intermediate_size=shape("feed_forward_length"),
        num_hidden_layers=shape("block_count"), num_attention_heads=heads, num_key_value_heads=kv_heads,
        head_dim=shape("attention.key_length") or shape("embedding_length") // heads, max_position_embeddings=shape("context_length"),
        rms_norm_eps=float(shape("attention.layer_norm_rms_epsilon")), tie_word_embeddings="output.weight" not in tensors,
        rope_parameters={"rope_type": "default", "rope_theta": float(shape("rope.freq_base") or 10000.0)},
    )

    def values(name: str) -> np.ndarray:
        tensor = tensors.pop(name)
        return gguf.dequantize(tensor.data, tensor.tensor_type).astype(np.float32)

    state = {"model.embed_tokens.weight": values("token_embd.weight"), "model.norm.weight": values("output_norm.weight")}
    state["lm_head.weight"] = state["model.embed_tokens.weight"] if config.tie_word_embeddings else values("output.weight")
    for layer in range(config.num_hidden_layers):
        for theirs, ours in {**NAMES, **more_names}.items():
            weight = values(f"blk.{layer}.{theirs}.weight")
            if permuted and theirs in ("attn_q", "attn_k"):
                weight = unpermute(weight, heads if theirs == "attn_q" else kv_heads)
            state[f"model.layers.{layer}.{ours}.weight"] = weight
    if tensors:
        raise ValueError(f"{path}: tensors that nothing reads: {sorted(tensors)}")
    model = make_model(config).eval()
    model.load_state_dict({name: torch.from_numpy(np.ascontiguousarray(weight)) for name, weight in state.items()}, strict=True)
    return model
