# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Writes tests/data/formats and the seeds under tests/fuzz/corpus: tiny GGUF and safetensors files made by the reference
writers, gguf 0.19.0 and safetensors 0.8.0 (with torch 2.15.0; scripts/requirements-reference.txt).

    .venv/bin/python tests/golden/make_format_fixtures.py
"""

import json
import shutil
from pathlib import Path

import numpy as np
import torch
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, GGUFWriter
from safetensors.torch import save_file

TESTS = Path(__file__).resolve().parent.parent
FOLDER = TESTS / "data" / "formats"
CORPUS = TESTS / "fuzz" / "corpus"
# Types that are not read first: nothing knows how long they are, and cutting the file must still be seen.
QUANTISED = ["Q2_K", "IQ4_XS", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q4_K", "Q5_K", "Q6_K"]


def add_llama_keys(writer: GGUFWriter) -> None:
    writer.add_name("tiny")
    writer.add_block_count(1)
    writer.add_context_length(64)
    writer.add_embedding_length(16)
    writer.add_feed_forward_length(32)
    writer.add_head_count(2)
    writer.add_head_count_kv(1)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10000.0)
    writer.add_rope_dimension_count(8)
    writer.add_vocab_size(8)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["a", "b", "c", "ab", "bc", "<|im_start|>", "<|im_end|>", "Ġ"])
    writer.add_token_types([1, 1, 1, 1, 1, 3, 3, 1])
    writer.add_token_merges(["a b", "b c"])


def llama_tensors(rng: np.random.Generator) -> dict[str, np.ndarray]:
    shapes = {
        "token_embd.weight": (8, 16),
        "output_norm.weight": (16,),
        "blk.0.attn_norm.weight": (16,),
        "blk.0.attn_q.weight": (16, 16),
        "blk.0.attn_k.weight": (8, 16),
        "blk.0.attn_v.weight": (8, 16),
        "blk.0.attn_output.weight": (16, 16),
        "blk.0.ffn_norm.weight": (16,),
        "blk.0.ffn_gate.weight": (32, 16),
        "blk.0.ffn_up.weight": (32, 16),
        "blk.0.ffn_down.weight": (16, 32),
    }
    return {name: rng.standard_normal(shape).astype(np.float32) for name, shape in shapes.items()}


def finish(writer: GGUFWriter) -> None:
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


def make_gguf() -> None:
    # A whole model, small enough to flip every byte of it.
    writer = GGUFWriter(FOLDER / "tiny-llama.gguf", "llama")
    add_llama_keys(writer)
    for name, values in llama_tensors(np.random.default_rng(1)).items():
        writer.add_tensor(name, values.astype(np.float16) if values.ndim == 2 else values)
    finish(writer)

    # Every value type and every tensor type, two of them types that are not read.
    writer = GGUFWriter(FOLDER / "types.gguf", "test")
    writer.add_uint8("test.uint8", 255)
    writer.add_int8("test.int8", -128)
    writer.add_uint16("test.uint16", 65535)
    writer.add_int16("test.int16", -32768)
    writer.add_uint32("test.uint32", 4294967295)
    writer.add_int32("test.int32", -2147483648)
    writer.add_uint64("test.uint64", 2**63)
    writer.add_int64("test.int64", -(2**63))
    writer.add_float32("test.float32", 0.5)
    writer.add_float64("test.float64", 0.1)
    writer.add_bool("test.bool", True)
    writer.add_string("test.string", "Grüße")
    writer.add_array("test.integers", [1, -2, 3])
    writer.add_array("test.reals", [0.5, 2.0])
    writer.add_array("test.bools", [True, False, True])
    writer.add_array("test.strings", ["", "x", "yz"])
    rng = np.random.default_rng(2)
    matrix = rng.standard_normal((2, 256)).astype(np.float32)
    writer.add_tensor("F32", matrix)
    writer.add_tensor("F16", matrix.astype(np.float16))
    writer.add_tensor("BF16", (matrix.view(np.uint32) >> 16).astype(np.uint16).view(np.uint8), raw_dtype=GGMLQuantizationType.BF16)
    for name in QUANTISED:
        kind = GGMLQuantizationType[name]
        values, size = GGML_QUANT_SIZES[kind]
        rows = rng.integers(0, 64, size=(2, 256 // values * size), dtype=np.uint8)
        writer.add_tensor(name, rows, raw_dtype=kind)
    finish(writer)

    # The same tiny model in three parts.
    writer = GGUFWriter(FOLDER / "split.gguf", "llama", split_max_tensors=4)
    add_llama_keys(writer)
    for name, values in llama_tensors(np.random.default_rng(1)).items():
        writer.add_tensor(name, values.astype(np.float16) if values.ndim == 2 else values)
    finish(writer)


def make_safetensors() -> None:
    one = torch.from_numpy(np.random.default_rng(3).standard_normal((3, 4)).astype(np.float32))
    tensors = {
        "f32": one,
        "f16": one.to(torch.float16),
        "bf16": one.to(torch.bfloat16),
        "i64": torch.arange(3),
        "scalar": torch.tensor(2.5),
    }
    save_file(tensors, FOLDER / "types.safetensors", metadata={"format": "pt", "who": "Grüße"})
    sharded = FOLDER / "sharded"
    sharded.mkdir(exist_ok=True)
    save_file({"a": one, "b": one + 1}, sharded / "model-00001-of-00002.safetensors")
    save_file({"c": one + 2}, sharded / "model-00002-of-00002.safetensors")
    weight_map = {
        "a": "model-00001-of-00002.safetensors",
        "b": "model-00001-of-00002.safetensors",
        "c": "model-00002-of-00002.safetensors",
    }
    index = {"metadata": {"total_size": 144}, "weight_map": weight_map}
    (sharded / "model.safetensors.index.json").write_text(json.dumps(index, indent=1) + "\n")


def make_seeds() -> None:
    for name, seeds in {
        "gguf": ["tiny-llama.gguf", "types.gguf", "split-00002-of-00003.gguf"],
        "safetensors": ["types.safetensors", "sharded/model-00001-of-00002.safetensors"],
        "safetensors_index": ["sharded/model.safetensors.index.json"],
    }.items():
        (CORPUS / name).mkdir(parents=True, exist_ok=True)
        for seed in seeds:
            shutil.copy(FOLDER / seed, CORPUS / name / Path(seed).name)


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    make_gguf()
    make_safetensors()
    make_seeds()
