# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Writes tests/data/dequantize/TYPE.{blocks,f32}: stored blocks and the floats that gguf-py makes of them.

Made with gguf 0.19.0 and numpy 2.4.6 (scripts/requirements-reference.txt); gguf-py's dequantisation is llama.cpp's own
reference, checked there against ggml's C code. Every byte of a block is random (seeded), so all bit patterns of scales
and quants occur; scales that are infinite or NaN are replaced, and the first blocks have chosen ones: zero, minus zero,
subnormal, smallest normal and largest halves.

    .venv/bin/python tests/golden/make_dequant_fixtures.py
"""

from pathlib import Path

import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType
from gguf.quants import dequantize

FOLDER = Path(__file__).resolve().parent.parent / "data" / "dequantize"
# Type -> offsets of the half-precision scales in a block.
SCALES = {
    "F32": [],
    "F16": [0],
    "BF16": [],
    "Q8_0": [0],
    "Q4_0": [0],
    "Q4_1": [0, 2],
    "Q5_0": [0],
    "Q5_1": [0, 2],
    "Q4_K": [0, 2],
    "Q5_K": [0, 2],
    "Q6_K": [208],
}
CHOSEN = np.array([0x0000, 0x8000, 0x0001, 0x83FF, 0x0400, 0x7BFF, 0xFBFF, 0x3C00], dtype=np.uint16)
VALUES = 2048  # of each type


def make(name: str, offsets: list[int]) -> None:
    kind = GGMLQuantizationType[name]
    block_values, block_bytes = GGML_QUANT_SIZES[kind]
    rng = np.random.default_rng(20261122 + int(kind))
    blocks = rng.integers(0, 256, size=(VALUES // block_values, block_bytes), dtype=np.uint8)
    for which, offset in enumerate(offsets):
        halves = blocks[:, offset : offset + 2].copy().view(np.uint16).reshape(-1)
        bad = (halves & 0x7C00) == 0x7C00
        halves[bad] &= 0xBFFF
        chosen = np.roll(CHOSEN, which)[: len(halves)]
        halves[: len(chosen)] = chosen
        blocks[:, offset : offset + 2] = halves.reshape(-1, 1).view(np.uint8)
    if name in ("F32", "BF16"):  # no NaN: comparing bits would then depend on how a machine quiets them
        width = np.uint32 if name == "F32" else np.uint16
        exponent = 0x7F800000 if name == "F32" else 0x7F80
        words = blocks.reshape(-1).view(width)
        words[(words & exponent) == exponent] = 0x3F80
    values = dequantize(blocks.reshape(-1), kind).astype("<f4").reshape(-1)
    assert values.size == VALUES and np.isfinite(values).all(), name
    (FOLDER / f"{name}.blocks").write_bytes(blocks.tobytes())
    (FOLDER / f"{name}.f32").write_bytes(values.tobytes())


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for type_name, scale_offsets in SCALES.items():
        make(type_name, scale_offsets)
