# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Per-head passage scores of a Hugging Face transformers model, straight from docs/method.md#scores.

The model is transformers' own; only the attention function is replaced by the textbook one below, which also reads
the probabilities of the query rows, so that no [H, T, T] array outlives its layer. `check_against_eager` shows that
it is the same attention as transformers' eager one.
"""
from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from transformers import AttentionInterface

from prompts import Prompt

CHANNELS = ("query", "content_free", "na", "na_filtered", "ratio")
RATIO_FLOOR = 1e-7
_FUNCTION = "headwise_reference"
_active: "Recorder | None" = None


@dataclass
class Recorder:
    """Mean attention of the query rows to every token, one [H, T] float64 array per layer and row set."""

    rows: dict[str, list[int]]
    attention: dict[str, list[np.ndarray]]


def reference_attention(module, query, key, value, attention_mask, scaling=None, softcap=None, **_):
    groups = query.shape[1] // key.shape[1]
    key = key.repeat_interleave(groups, dim=1)  # kv head of head h = h / (H/K)
    value = value.repeat_interleave(groups, dim=1)
    logits = query @ key.transpose(-1, -2) * scaling
    if softcap is not None:
        logits = softcap * torch.tanh(logits / softcap)
    logits = logits.masked_fill(~attention_mask, float("-inf"))
    probabilities = torch.softmax(logits, dim=-1)
    if _active is not None:
        for name, (begin, end) in _active.rows.items():
            read = probabilities[0, :, begin:end].double().mean(dim=1)
            _active.attention[name].append(read.numpy())
    return (probabilities @ value).transpose(1, 2).contiguous(), None


AttentionInterface.register(_FUNCTION, reference_attention)


def masks(model, prompt: Prompt, as_tensor):
    """What the model's class takes as attention_mask: one for all layers, or one for each kind of layer."""
    config = model.config
    full, window = as_tensor(prompt.mask()), getattr(config, "sliding_window", None)
    windowed = as_tensor(prompt.mask(window)) if window else full
    if config.model_type in ("gemma2", "gemma3_text", "smollm3"):
        return {"full_attention": full, "sliding_attention": windowed}
    return windowed if config.model_type in ("mistral", "phi3") else full


@torch.no_grad()
def run(model, prompt: Prompt, hidden_layers=()) -> tuple[dict[str, np.ndarray], dict[int, np.ndarray]]:
    """({row set: mean attention [L, H, T]}, {layer: residual stream after it [T, C]})."""
    global _active
    model.set_attn_implementation(_FUNCTION)
    hidden: dict[int, np.ndarray] = {}

    def keep(layer: int):
        def hook(_module, _inputs, output):
            hidden[layer] = (output[0] if isinstance(output, tuple) else output)[0].float().numpy().copy()

        return hook

    hooks = [model.model.layers[layer].register_forward_hook(keep(layer)) for layer in hidden_layers]
    _active = Recorder(prompt.rows, {name: [] for name in prompt.rows})
    try:
        model.model(
            input_ids=torch.tensor([prompt.ids]),
            position_ids=torch.tensor([prompt.positions]),
            attention_mask=masks(model, prompt, lambda mask: torch.from_numpy(mask)[None, None]),
            use_cache=False,
        )
        return {name: np.stack(layers) for name, layers in _active.attention.items()}, hidden
    finally:
        _active = None
        for hook in hooks:
            hook.remove()


def span_sums(attention: np.ndarray, spans: list[list[int]]) -> np.ndarray:
    """[L, H, T] -> s [L, H, N]."""
    return np.stack([attention[..., begin:end].sum(axis=-1) for begin, end in spans], axis=-1)


def kept_tokens(calibrated: np.ndarray) -> np.ndarray:
    """Which tokens of one passage, [..., n], the filter `low` keeps."""
    if calibrated.shape[-1] < 2:
        return np.ones_like(calibrated, dtype=bool)
    mean = calibrated.mean(axis=-1, keepdims=True)
    deviation = calibrated.std(axis=-1, ddof=1, keepdims=True)
    return calibrated > mean - 2 * deviation


def filter_slack(query: np.ndarray, content_free: np.ndarray) -> np.ndarray:
    """How firm the filter's choice is: the smallest distance of a token of the passage from the threshold, relative to
    the attention that token and threshold come from. Below an engine's relative error the choice may fall either way."""
    if query.shape[-1] < 2:
        return np.full(query.shape[:-1], np.inf)
    calibrated, scale = query - content_free, query + content_free
    threshold = calibrated.mean(axis=-1, keepdims=True) - 2 * calibrated.std(axis=-1, ddof=1, keepdims=True)
    both = scale + scale.mean(axis=-1, keepdims=True)
    # A passage that no row sees has no choice to make.
    return np.where(both > 0, np.abs(calibrated - threshold) / np.where(both > 0, both, 1), np.inf).min(axis=-1)


def scores(query: np.ndarray, content_free: np.ndarray, spans: list[list[int]]) -> tuple[np.ndarray, np.ndarray]:
    """Mean attentions [L, H, T] of both passes -> ([5, L, H, N] in the order of CHANNELS, filter slack [L, H, N]).

    The tokens before the query are the same in both passes, so spans hold for both.
    """
    s_query, s_content_free = span_sums(query, spans), span_sums(content_free, spans)
    calibrated = [query[..., begin:end] - content_free[..., begin:end] for begin, end in spans]
    unfiltered = np.stack([c.sum(axis=-1) for c in calibrated], axis=-1)
    filtered = np.stack([np.where(kept_tokens(c), c, 0.0).sum(axis=-1) for c in calibrated], axis=-1)
    ratio = np.log(s_query + RATIO_FLOOR) - np.log(s_content_free + RATIO_FLOOR)
    slack = np.stack([filter_slack(query[..., begin:end], content_free[..., begin:end]) for begin, end in spans], axis=-1)
    return np.stack([s_query, s_content_free, unfiltered, filtered, ratio]), slack


@torch.no_grad()
def check_against_eager(model, prompt: Prompt) -> float:
    """Largest relative difference of the query rows' mean attention from transformers' own eager attentions."""
    attention, _ = run(model, prompt)
    model.set_attn_implementation("eager")


    def added(visible):
        mask = torch.zeros(1, 1, len(prompt.ids), len(prompt.ids), dtype=model.dtype)
        return mask.masked_fill_(~torch.from_numpy(visible)[None, None], torch.finfo(model.dtype).min)

    output = model.model(
        input_ids=torch.tensor([prompt.ids]), position_ids=torch.tensor([prompt.positions]), attention_mask=masks(model, prompt, added), use_cache=False,
        output_attentions=True,
    )
    worst = 0.0
    for name, (begin, end) in prompt.rows.items():
        eager = np.stack([layer[0, :, begin:end].double().mean(dim=1).numpy() for layer in output.attentions])
        ours = attention[name]
        worst = max(worst, float((np.abs(eager - ours) / np.maximum(ours, 1e-9)).max()))
    return worst
