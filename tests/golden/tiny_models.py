# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Tiny seeded decoder models of every supported family, saved as Hugging Face folders, and a random prompt for them.

Weights are random, scaled so that attention is far from uniform; norms and biases are random too, so that leaving
one out shows. Not models of anything.
"""
from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from pathlib import Path

import tokenizers.decoders
import tokenizers.models
import tokenizers.pre_tokenizers
import tokenizers.trainers
import torch
from tokenizers import Tokenizer
from transformers import (
    AutoModelForCausalLM, Gemma2Config, Gemma3TextConfig, GraniteConfig, LlamaConfig, MistralConfig, Olmo2Config, Phi3Config, Qwen2Config, Qwen3Config,
    Qwen3MoeConfig, SmolLM3Config,
)

from prompts import Segments

VOCABULARY = 320
SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")


@dataclass
class Recipe:
    name: str
    config_class: type
    seed: int
    dtype: torch.dtype
    layers: int = 2
    shards: int = 1
    version_4_config: bool = False
    settings: dict = field(default_factory=dict)


def rope(kind: str, **settings) -> dict:
    return {"rope_parameters": {"rope_type": kind, "rope_theta": 10000.0, **settings}}


def longrope(original: int, pairs: int, **settings) -> dict:
    """Prompts of 283 tokens are longer than 64 positions and shorter than 400."""
    short, long = [1.0 + 0.1 * i for i in range(pairs)], [1.5 + 0.7 * i for i in range(pairs)]
    return {"original_max_position_embeddings": original, **rope("longrope", short_factor=short, long_factor=long, **settings)}


EXPERTS = {"head_dim": 16, "moe_intermediate_size": 40}

# Large norm epsilons, so that a wrong one shows. The original context is 64 so that a prompt of 300 tokens reaches all of the scaling.
RECIPES = [
    Recipe("tiny-llama", LlamaConfig, 1, torch.float32, layers=3, settings={"rms_norm_eps": 1e-3}),
    Recipe(
        "tiny-llama-llama3", LlamaConfig, 2, torch.float16,
        settings=rope("llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=64),
    ),
    Recipe("tiny-llama-linear", LlamaConfig, 3, torch.bfloat16, version_4_config=True, settings=rope("linear", factor=4.0)),
    Recipe(
        "tiny-llama-yarn", LlamaConfig, 4, torch.bfloat16,
        settings={"head_dim": 32, **rope("yarn", factor=8.0, original_max_position_embeddings=64)},
    ),
    Recipe("tiny-mistral", MistralConfig, 5, torch.bfloat16, shards=2, settings={"sliding_window": None, "head_dim": 16}),
    Recipe(
        "tiny-qwen2", Qwen2Config, 6, torch.float16, version_4_config=True,
        settings={"tie_word_embeddings": False, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}},
    ),
    Recipe(
        "tiny-qwen3", Qwen3Config, 7, torch.bfloat16,
        settings={"head_dim": 32, "rms_norm_eps": 1e-2, "rope_parameters": {"rope_type": "default", "rope_theta": 1000000.0}},
    ),
    # Windows shorter than the prompt: in `list` some passages are seen in no part, in `blocks` all in part.
    Recipe("tiny-mistral-window", MistralConfig, 8, torch.bfloat16, settings={"sliding_window": 100, "head_dim": 16}),
    Recipe(
        "tiny-gemma3", Gemma3TextConfig, 9, torch.bfloat16, layers=3,
        settings={
            "head_dim": 32, "query_pre_attn_scalar": 32, "sliding_window": 100, "layer_types": ["sliding_attention", "full_attention", "sliding_attention"],
            "rope_parameters": {
                "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1000000.0},
                "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
            },
        },
    ),
    # Logits of several times the cap.
    Recipe(
        "tiny-gemma2", Gemma2Config, 10, torch.float16, version_4_config=True,
        settings={"head_dim": 16, "query_pre_attn_scalar": 16, "sliding_window": 100, "attn_logit_softcapping": 2.0},
    ),
    Recipe("tiny-olmo2", Olmo2Config, 11, torch.bfloat16, layers=3, settings={"rms_norm_eps": 1e-2}),
    Recipe("tiny-smollm3", SmolLM3Config, 12, torch.float16, layers=5, settings={"no_rope_layer_interval": 4}),
    Recipe(
        "tiny-granite", GraniteConfig, 13, torch.bfloat16, version_4_config=True,
        settings={"embedding_multiplier": 1.5, "residual_multiplier": 0.22, "attention_multiplier": 0.1, "logits_scaling": 8.0},
    ),
    Recipe("tiny-phi3", Phi3Config, 14, torch.bfloat16, settings=longrope(64, 8)),
    Recipe("tiny-phi4", Phi3Config, 15, torch.float16, settings=longrope(400, 6, partial_rotary_factor=0.75)),
    # The layer in the middle has no experts. More experts than a row uses, by far; a width that no vector divides.
    Recipe(
        "tiny-qwen3moe", Qwen3MoeConfig, 16, torch.bfloat16, layers=4,
        settings={"num_experts": 8, "num_experts_per_tok": 3, "norm_topk_prob": True, "mlp_only_layers": [1], **EXPERTS},
    ),
    Recipe(
        "tiny-qwen3moe-shares", Qwen3MoeConfig, 17, torch.float16, layers=3, version_4_config=True,
        settings={"num_experts": 6, "num_experts_per_tok": 2, "norm_topk_prob": False, "decoder_sparse_step": 2, **EXPERTS},
    ),
]
GEMMAS = (Gemma2Config, Gemma3TextConfig)


def build(recipe: Recipe):
    settings = dict(
        vocab_size=VOCABULARY, hidden_size=64, intermediate_size=96, num_hidden_layers=recipe.layers, num_attention_heads=4,
        num_key_value_heads=2, max_position_embeddings=512, tie_word_embeddings=True, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    )
    settings.update(copy.deepcopy(recipe.settings))
    config = recipe.config_class(**settings)
    generator = torch.Generator().manual_seed(recipe.seed)
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for name, weight in sorted(model.named_parameters()):
            values = torch.randn(weight.shape, generator=generator)
            if "norm" in name:
                values = (0.0 if recipe.config_class in GEMMAS else 1.0) + 0.3 * values  # Gemma adds the 1 itself
            elif name.endswith("bias"):
                values = 0.5 * values
            elif "embed" not in name:
                values = 0.17 * values
            weight.copy_(values.to(recipe.dtype).float())  # the values the file can hold
    return model


def version_4(config: dict) -> dict:
    """config.json as transformers 4 spelled it: rope_theta and rope_scaling at the top, torch_dtype."""
    config = dict(config)
    parameters = dict(config.pop("rope_parameters"))
    config["rope_theta"] = parameters.pop("rope_theta")
    kind = parameters.pop("rope_type", "default")
    config["rope_scaling"] = None if kind == "default" else {"type": kind, "rope_type": kind, **parameters}
    config["torch_dtype"] = config.pop("dtype", "float32")
    if "num_local_experts" in config:
        config["num_experts"] = config.pop("num_local_experts")
    config["transformers_version"] = "4.42.3"
    config.pop("layer_types", None)
    return config


def save(recipe: Recipe, model, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    stored = copy.deepcopy(model).to(recipe.dtype)
    shard_bytes = sum(p.numel() for p in model.parameters()) * stored.dtype.itemsize // recipe.shards
    stored.save_pretrained(folder, max_shard_size=shard_bytes * 11 // 10 if recipe.shards > 1 else "1GB")
    (folder / "generation_config.json").unlink(missing_ok=True)
    if recipe.version_4_config:
        path = folder / "config.json"
        path.write_text(json.dumps(version_4(json.loads(path.read_text())), indent=2) + "\n")


def train_tokenizer(lines: list[str]) -> Tokenizer:
    """Byte-level BPE of VOCABULARY tokens: the special ones, all bytes, and the commonest pairs of the text."""
    tokenizer = Tokenizer(tokenizers.models.BPE())
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = tokenizers.decoders.ByteLevel()
    alphabet = sorted(tokenizers.pre_tokenizers.ByteLevel.alphabet())
    trainer = tokenizers.trainers.BpeTrainer(vocab_size=VOCABULARY, special_tokens=list(SPECIALS), initial_alphabet=alphabet, show_progress=False)
    tokenizer.train_from_iterator(lines, trainer)
    return tokenizer


def random_segments(seed: int = 20) -> Segments:
    """About 300 random token ids; five passages of unequal length, one of a single token, one of two."""
    generator = torch.Generator().manual_seed(seed)

    def ids(count: int) -> list[int]:
        return torch.randint(3, VOCABULARY, (count,), generator=generator).tolist()

    separator = ids(2)
    return Segments(
        lead=[1] + ids(11), passages=[ids(n) for n in (70, 1, 45, 2, 111)], separators=[separator] * 5, instruction=ids(18),
        query=ids(9), content_free_query=ids(3), suffix=[2] + ids(4),
    )
