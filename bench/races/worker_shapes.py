# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Cross-encoders that people use, by their sizes alone."""

# Layers, width, heads, width of the MLP.
SHAPES = {"TinyBERT-L2": (2, 128, 2, 512), "MiniLM-L6": (6, 384, 12, 1536), "MiniLM-L12": (12, 384, 12, 1536), "bge-base": (12, 768, 12, 3072)}
