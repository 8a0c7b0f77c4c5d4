# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The same forward pass once more, in float64 and without transformers' modules: how far off the fp32 reference itself is.

It shares with the reference only the weights, the configuration and the laid-out prompt. transformers computes the
rotary angles in fp32 whatever the model's type, and an angle of 1,700 radians is then only good to 1e-4; `rotary`
chooses between those tables ("float32") and exact ones ("float64"), to tell that error from all the others.
"""
from __future__ import annotations

import math

import numpy as np
import torch

from prompts import Prompt


def frequencies(config) -> tuple[torch.Tensor, float]:
    """(rotation per position of each pair [D/2] in float64, factor on cos and sin), from the papers' formulas."""
    settings = config.rope_parameters
    base, width = settings["rope_theta"], config_head_width(config)
    plain = base ** (-torch.arange(0, width, 2, dtype=torch.float64) / width)
    kind = settings.get("rope_type", "default")
    if kind == "default":
        return plain, 1.0
    factor = settings["factor"]
    if kind == "linear":
        return plain / factor, 1.0
    original = settings["original_max_position_embeddings"]
    if kind == "llama3":
        turns = original * plain / (2 * math.pi)  # rotations over the original context
        low, high = settings["low_freq_factor"], settings["high_freq_factor"]
        blend = ((turns - low) / (high - low)).clamp(0, 1)
        return plain * (blend + (1 - blend) / factor), 1.0
    if kind == "yarn":
        def pair_with(rotations: float) -> float:
            return width * math.log(original / (rotations * 2 * math.pi)) / (2 * math.log(base))

        low = max(math.floor(pair_with(settings.get("beta_fast") or 32)), 0)
        high = min(math.ceil(pair_with(settings.get("beta_slow") or 1)), width - 1)
        ramp = ((torch.arange(width // 2, dtype=torch.float64) - low) / max(high - low, 0.001)).clamp(0, 1)
        return plain * (1 - ramp) + plain / factor * ramp, 0.1 * math.log(factor) + 1.0
    raise ValueError(f"rope type {kind} is not known here")


def config_head_width(config) -> int:
    return getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads


def tables(model, positions: list[int], rotary: str) -> tuple[torch.Tensor, torch.Tensor]:
    if rotary == "float32":
        cos, sin = model.model.rotary_emb(torch.zeros(1), torch.tensor([positions]))
        half = cos.shape[-1] // 2
        return cos[0, :, :half].double(), sin[0, :, :half].double()
    turn, scale = frequencies(model.config)
    angles = torch.tensor(positions, dtype=torch.float64)[:, None] * turn
    return angles.cos() * scale, angles.sin() * scale


@torch.no_grad()
def run(model, prompt: Prompt, hidden_layers=(), rotary: str = "float64"):
    """As reference.run: ({row set: [L, H, T]}, {layer: [T, C]}), all float64."""
    config = model.config
    heads, kv_heads, width = config.num_attention_heads, config.num_key_value_heads, config_head_width(config)
    state = model.state_dict()
    visible = torch.from_numpy(prompt.mask())
    cos, sin = tables(model, prompt.positions, rotary)
    tokens = len(prompt.ids)

    def weight(name: str) -> torch.Tensor | None:
        return state[name].double() if name in state else None

    def norm(x: torch.Tensor, name: str) -> torch.Tensor:
        return x / torch.sqrt((x * x).mean(-1, keepdim=True) + config.rms_norm_eps) * weight(name)

    def linear(x: torch.Tensor, name: str) -> torch.Tensor:
        product = x @ weight(f"{name}.weight").T
        bias = weight(f"{name}.bias")
        return product if bias is None else product + bias

    def rotate(x: torch.Tensor) -> torch.Tensor:  # [T, heads, D]: pair i is (i, i + D/2)
        first, second = x[..., : width // 2], x[..., width // 2 :]
        c, s = cos[:, None], sin[:, None]
        return torch.cat([first * c - second * s, second * c + first * s], dim=-1)

    def experts(x: torch.Tensor, prefix: str) -> torch.Tensor:
        """Row by row, expert by expert, as the formula has it."""
        shares = torch.softmax(x @ weight(prefix + "gate.weight").T, dim=-1)
        best, chosen = shares.topk(config.num_experts_per_tok, dim=-1)
        if config.norm_topk_prob:
            best = best / best.sum(-1, keepdim=True)
        gate_up, down = weight(prefix + "experts.gate_up_proj"), weight(prefix + "experts.down_proj")
        rows = []
        for row in range(tokens):
            total = torch.zeros_like(x[row])
            for share, expert in zip(best[row], chosen[row]):
                gate, up = (gate_up[expert] @ x[row]).chunk(2)
                total += share * (down[expert] @ (torch.nn.functional.silu(gate) * up))
            rows.append(total)
        return torch.stack(rows)

    read: dict[str, list[np.ndarray]] = {name: [] for name in prompt.rows}
    hidden: dict[int, np.ndarray] = {}
    x = state["model.embed_tokens.weight"][prompt.ids].double()
    for layer in range(config.num_hidden_layers):
        prefix = f"model.layers.{layer}."
        normed = norm(x, prefix + "input_layernorm.weight")
        q = linear(normed, prefix + "self_attn.q_proj").view(tokens, heads, width)
        k = linear(normed, prefix + "self_attn.k_proj").view(tokens, kv_heads, width)
        v = linear(normed, prefix + "self_attn.v_proj").view(tokens, kv_heads, width)
        if prefix + "self_attn.q_norm.weight" in state:
            q, k = norm(q, prefix + "self_attn.q_norm.weight"), norm(k, prefix + "self_attn.k_norm.weight")
        q, k = rotate(q), rotate(k)
        mixed = []
        for head in range(heads):
            kv = head * kv_heads // heads
            logits = (q[:, head] @ k[:, kv].T / math.sqrt(width)).masked_fill(~visible, float("-inf"))
            probabilities = torch.softmax(logits, dim=-1)
            for name, (begin, end) in prompt.rows.items():
                read[name].append(probabilities[begin:end].mean(dim=0).numpy())
            mixed.append(probabilities @ v[:, kv])
        x = x + linear(torch.cat(mixed, dim=-1), prefix + "self_attn.o_proj")
        normed = norm(x, prefix + "post_attention_layernorm.weight")
        if prefix + "mlp.gate.weight" in state:
            x = x + experts(normed, prefix + "mlp.")
        else:
            gate = torch.nn.functional.silu(linear(normed, prefix + "mlp.gate_proj"))
            x = x + linear(gate * linear(normed, prefix + "mlp.up_proj"), prefix + "mlp.down_proj")
        if layer in hidden_layers:
            hidden[layer] = x.numpy().copy()
    shape = (config.num_hidden_layers, heads, tokens)
    return {name: np.stack(rows).reshape(shape) for name, rows in read.items()}, hidden
