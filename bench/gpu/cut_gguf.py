#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""The first layers and the first ids of a llama GGUF file, as they are stored, without its tokenizer: real weights for
bench/gpu/run.sh, small enough to be carried. Standard library only.

    bench/gpu/cut_gguf.py MODEL.gguf OUT.gguf --layers 12 --ids 4096
"""
import argparse
import re
import struct
from pathlib import Path
from typing import BinaryIO

# Bytes of the value types; 8 is a text, 9 an array.
SIZES = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
ALIGNMENT = 32


def number(file: BinaryIO, form: str):
    return struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0]


def text(file: BinaryIO) -> bytes:
    return file.read(number(file, "Q"))


def skip_value(file: BinaryIO, kind: int) -> None:
    if kind == 8:
        text(file)
    elif kind == 9:
        inner, count = number(file, "I"), number(file, "Q")
        for _ in range(count if inner in (8, 9) else 0):
            skip_value(file, inner)
        if inner in SIZES:
            file.seek(SIZES[inner] * count, 1)
    else:
        file.seek(SIZES[kind], 1)


def read_fields(file: BinaryIO, count: int) -> dict[bytes, bytes]:
    """Name -> type and value, as they are stored."""
    fields = {}
    for _ in range(count):
        name = text(file)
        begin = file.tell()
        skip_value(file, number(file, "I"))
        end = file.tell()
        file.seek(begin)
        fields[name] = file.read(end - begin)
    return fields


def read_tensors(file: BinaryIO, count: int) -> list[dict]:
    tensors = []
    for _ in range(count):
        name, extents = text(file), number(file, "I")
        shape = [number(file, "Q") for _ in range(extents)]
        tensors.append({"name": name, "shape": shape, "type": number(file, "I"), "offset": number(file, "Q")})
    return tensors


def aligned(place: int) -> int:
    return -(-place // ALIGNMENT) * ALIGNMENT


def cut(source: Path, target: Path, layers: int, ids: int) -> None:
    with open(source, "rb") as file:
        if file.read(4) != b"GGUF" or number(file, "I") != 3:
            raise SystemExit(f"{source}: no GGUF file of version 3")
        tensor_count, field_count = number(file, "Q"), number(file, "Q")
        fields = read_fields(file, field_count)
        if b"general.alignment" in fields:
            raise SystemExit(f"{source}: has an alignment of its own")
        tensors = read_tensors(file, tensor_count)
        begin = aligned(file.tell())
        size = source.stat().st_size - begin
        ends = sorted([tensor["offset"] for tensor in tensors] + [size])
        for tensor in tensors:
            tensor["bytes"] = ends[ends.index(tensor["offset"]) + 1] - tensor["offset"]
        kept = []
        for tensor in tensors:
            layer = re.match(rb"blk\.(\d+)\.", tensor["name"])
            if (layer and int(layer[1]) >= layers) or tensor["name"] == b"output.weight":
                continue
            if tensor["name"] == b"token_embd.weight":
                tensor["bytes"] = tensor["bytes"] // tensor["shape"][1] * ids
                tensor["shape"][1] = ids
            kept.append(tensor)
        fields = {name: value for name, value in fields.items() if not name.startswith(b"tokenizer.")}
        fields[b"llama.block_count"] = struct.pack("<II", 4, layers)
        fields[b"llama.vocab_size"] = struct.pack("<II", 4, ids)
        with open(target, "wb") as out:
            out.write(b"GGUF" + struct.pack("<IQQ", 3, len(kept), len(fields)))
            for name, value in fields.items():
                out.write(struct.pack("<Q", len(name)) + name + value)
            place = 0
            for tensor in kept:
                name, shape = tensor["name"], tensor["shape"]
                out.write(struct.pack("<Q", len(name)) + name + struct.pack("<I", len(shape)))
                out.write(struct.pack(f"<{len(shape)}QIQ", *shape, tensor["type"], place))
                place = aligned(place + tensor["bytes"])
            for tensor in kept:
                out.write(bytes(aligned(out.tell()) - out.tell()))
                file.seek(begin + tensor["offset"])
                out.write(file.read(tensor["bytes"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("target", type=Path)
    parser.add_argument("--layers", type=int, default=12)
    parser.add_argument("--ids", type=int, default=4096)
    arguments = parser.parse_args()
    cut(arguments.source, arguments.target, arguments.layers, arguments.ids)


if __name__ == "__main__":
    main()
