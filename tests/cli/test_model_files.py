# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Model files that are cut, damaged or lie, given to the binary: the right exit status, a message that says what is
wrong, nothing on stdout, no crash. The parsers' own tests (tests/unit/formats) have the long lists of lies."""
import json
import os
import shutil
import struct
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from where import ROOT, environment

FORMATS = ROOT / "tests" / "data" / "formats"
MODELS = ROOT / "tests" / "data" / "golden" / "models"
# The exit status for every byte that is flipped, as a digit: 0 done, 3 bad file, 4 not supported. After a change that is
# meant, HEADWISE_WRITE_STATUSES=1 writes them anew; look at the difference.
STATUSES = FORMATS / "flipped_statuses.json"


def patched(data: bytes, at: int, what: bytes) -> bytes:
    return data[:at] + what + data[at + len(what):]


@pytest.fixture
def gguf() -> bytes:
    return (MODELS / "tiny-llama-q8_0.gguf").read_bytes()


@pytest.fixture
def folder(tmp_path):
    """A Hugging Face folder that a test may spoil."""
    return shutil.copytree(MODELS / "tiny-llama", tmp_path / "tiny-llama")


def statuses(binary, tmp_path, name, variants, verb=("inspect",)) -> list[tuple[int, str]]:
    """Exit status and stderr of the verb on each variant of a file, two at a time; no run takes 60 s."""
    def run(numbered):
        number, content = numbered
        path = tmp_path / f"{number}-{name}"
        path.write_bytes(content)
        done = subprocess.run([str(binary), *verb, "--model", str(path)], capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL, env=environment())
        path.unlink()
        return done.returncode, done.stderr.decode("utf-8", "replace")

    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(run, enumerate(variants)))


def expect_statuses(name: str, found: list[int]) -> None:
    known = json.loads(STATUSES.read_text())
    digits = "".join(map(str, found))
    if os.environ.get("HEADWISE_WRITE_STATUSES"):
        STATUSES.write_text(json.dumps({**known, name: digits}, indent=1, sort_keys=True) + "\n")
        return
    wrong = [f"flip {at}: {ours}, expected {theirs}" for at, (ours, theirs) in enumerate(zip(digits, known[name])) if ours != theirs]
    assert not wrong and len(digits) == len(known[name]), wrong


# --- inspect ---------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("name", sorted(path.name for path in MODELS.iterdir()))
def test_inspect_every_tiny_model(headwise, name):
    answer = json.loads(headwise.ok("inspect", MODELS / name, "--json", "--tensors"))
    assert answer["supported"] is True and answer["unsupported"] == []
    assert answer["fingerprint"].startswith(f"{answer['architecture']}-{answer['layers']}x{answer['heads']}-")
    assert sum(total["tensors"] for total in answer["tensor_types"]) == len(answer["tensors"])
    assert sum(total["bytes"] for total in answer["tensor_types"]) == answer["memory"]["stored_weights"]
    table = headwise.ok("inspect", MODELS / name)
    assert "supported           yes" in table and answer["fingerprint"] in table


def test_inspect_default_model(headwise, model):
    answer = json.loads(headwise.ok("inspect", model, "--json"))
    assert (answer["layers"], answer["heads"], answer["kv_heads"], answer["head_width"]) == (30, 9, 3, 64)
    assert (answer["width"], answer["ffn_width"], answer["vocabulary"], answer["context"]) == (576, 1536, 49152, 8192)
    assert answer["tokenizer"]["chat_format"] == "chatml"
    assert answer["rope"] == {"theta": 100000.0, "scaling": "none"}


def test_inspect_tells_experts(headwise):
    answer = json.loads(headwise.ok("inspect", MODELS / "tiny-qwen3moe", "--json"))
    assert answer["experts"] == {"count": 8, "used": 3, "width": 40, "layers_without": [1]}
    assert "8 of width 40, a token uses 3; none in layer 1" in headwise.ok("inspect", MODELS / "tiny-qwen3moe")
    assert "experts" not in json.loads(headwise.ok("inspect", MODELS / "tiny-qwen3", "--json"))


def test_inspect_says_what_is_not_supported(headwise, folder):
    config = json.loads((folder / "config.json").read_text())
    config["attn_logit_softcapping"] = 50.0
    (folder / "config.json").write_text(json.dumps(config))
    answer = json.loads(headwise.ok("inspect", folder, "--json"))
    assert answer["supported"] is False and answer["fingerprint"] is None
    assert answer["unsupported"] == ["soft-cap of attention logits (config key attn_logit_softcapping = '50.0')"]
    # Running it is another matter.
    error = headwise.fails(4, "rerank", "--model", folder, "--query", "q", "--documents", "-", stdin="a\nb\n")
    assert "soft-cap of attention logits" in error


def test_inspect_a_type_that_is_not_read(headwise):
    table = headwise.ok("inspect", FORMATS / "types.gguf")
    assert "Q2_K" in table and "this build does not read them" in table
    assert "architecture 'test'" in table


def test_inspect_lone_safetensors(headwise):
    answer = json.loads(headwise.ok("inspect", FORMATS / "types.safetensors", "--json"))
    assert {total["type"] for total in answer["tensor_types"]} == {"F32", "F16", "BF16", "I64"}


# --- cut and damaged files -------------------------------------------------------------------------------------------

def test_cut_gguf(binary, tmp_path, gguf):
    # Denser near the start, where everything is described.
    cuts = sorted({*range(0, 4096, 97), *range(0, len(gguf) - 64, len(gguf) // 40)})
    for cut, (status, error) in zip(cuts, statuses(binary, tmp_path, "cut.gguf", [gguf[:cut] for cut in cuts])):
        assert status == 3, f"cut to {cut} bytes: exit status {status}\n{error}"
        assert error.startswith("headwise inspect: ") and "Traceback" not in error


def test_every_header_byte_of_a_gguf_flipped(binary, tmp_path):
    data = (FORMATS / "tiny-llama.gguf").read_bytes()
    header = data.index(b"blk.0.ffn_down.weight") + 64
    variants = [patched(data, at, bytes([data[at] ^ (0x01, 0x80, 0xFF)[at % 3]])) for at in range(header)]
    found = statuses(binary, tmp_path, "flip.gguf", variants)
    expect_statuses("gguf", [status for status, _ in found])
    for at, (status, error) in enumerate(found):
        assert status == 0 or error.startswith("headwise inspect: "), f"byte {at}: {error}"


def test_every_header_byte_of_a_safetensors_flipped(binary, tmp_path):
    data = (FORMATS / "types.safetensors").read_bytes()
    header = 8 + struct.unpack("<Q", data[:8])[0]
    variants = [patched(data, at, bytes([data[at] ^ (0x01, 0x08, 0x80)[at % 3]])) for at in range(header)]
    expect_statuses("safetensors", [status for status, _ in statuses(binary, tmp_path, "flip.safetensors", variants)])


def test_flipped_config_json(binary, headwise, folder):
    data = (folder / "config.json").read_bytes()
    found = []
    for at in range(0, len(data), 5):
        (folder / "config.json").write_bytes(patched(data, at, bytes([data[at] ^ 0x04])))
        found.append(headwise("inspect", folder).returncode)
    expect_statuses("config", found)


# --- lies ------------------------------------------------------------------------------------------------------------

GGUF_LIES = {
    "tensors": (8, struct.pack("<Q", 10**18), "claims 1000000000000000000 tensors"),
    "pairs": (16, struct.pack("<Q", 10**18), "claims 1000000000000000000 key-value pairs"),
    "key length": (24, struct.pack("<Q", 2**63), "at most 65535"),
    "magic": (0, b"PK\3\4", "it is a zip archive"),
}


@pytest.mark.parametrize("verb", [("inspect",), ("rerank", "--query", "q", "--documents", "-")])
@pytest.mark.parametrize("lie", GGUF_LIES)
def test_hostile_gguf(headwise, tmp_path, gguf, lie, verb):
    at, what, message = GGUF_LIES[lie]
    (tmp_path / "lie.gguf").write_bytes(patched(gguf, at, what))
    error = headwise.fails(3, *verb, "--model", "lie.gguf", stdin="a\nb\n")
    assert message in error and "lie.gguf" in error


@pytest.mark.parametrize("version, message", [(1, "GGUF version 1"), (0x03000000, "big-endian")])
def test_gguf_versions_not_read(headwise, tmp_path, gguf, version, message):
    (tmp_path / "old.gguf").write_bytes(patched(gguf, 4, struct.pack("<I", version)))
    assert message in headwise.fails(4, "inspect", "--model", "old.gguf")


SAFETENSORS_LIES = {
    "overlap": {"a": ("F32", [2], [0, 8]), "b": ("F32", [2], [4, 12])},
    "hole": {"a": ("F32", [1], [0, 4]), "b": ("F32", [1], [8, 12])},
    "past the end": {"a": ("F32", [1000], [0, 4000])},
    "shape overflow": {"a": ("F32", [2**32, 2**32], [0, 12])},
    "negative": {"a": ("F32", [-3], [0, 12])},
}


@pytest.mark.parametrize("lie", SAFETENSORS_LIES)
def test_hostile_safetensors(headwise, folder, lie):
    header = {name: {"dtype": dtype, "shape": shape, "data_offsets": offsets}
              for name, (dtype, shape, offsets) in SAFETENSORS_LIES[lie].items()}
    text = json.dumps(header).encode()
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + bytes(12))
    for verb in (("inspect",), ("rerank", "--query", "q", "--documents", "-")):
        assert "tensor" in headwise.fails(3, *verb, "--model", folder, stdin="a\nb\n")


def test_safetensors_header_length(headwise, folder):
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", 2**64 - 1) + b"{}")
    assert "at most 100000000" in headwise.fails(3, "inspect", folder)


def test_shard_outside_the_folder(headwise, folder):
    (folder / "model.safetensors").rename(folder.parent / "model.safetensors")
    index = {"weight_map": {"model.norm.weight": "../model.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    assert "plain name of a .safetensors file" in headwise.fails(3, "inspect", folder)


def test_missing_shard(headwise, tmp_path):
    folder = shutil.copytree(MODELS / "tiny-mistral", tmp_path / "m")
    (folder / "model-00002-of-00002.safetensors").unlink()
    assert "model-00002-of-00002.safetensors" in headwise.fails(3, "inspect", folder)


CONFIG_LIES = {
    "1e30 layers": ({"num_hidden_layers": 1e30}, 3, "num_hidden_layers"),
    "no layers": ({"num_hidden_layers": 0}, 3, "the number of layers is 0"),
    "heads": ({"num_attention_heads": 7}, 3, "cannot share"),
    "huge width": ({"hidden_size": 2**60}, 3, "hidden_size"),
    "more layers than tensors": ({"num_hidden_layers": 99}, 3, "model.layers."),
    "wrong width": ({"hidden_size": 128}, 3, "should have shape"),
    "text": ({"num_attention_heads": "many"}, 3, "expected a number"),
}


@pytest.mark.parametrize("lie", CONFIG_LIES)
def test_hostile_config(headwise, folder, lie):
    change, status, message = CONFIG_LIES[lie]
    config = {**json.loads((folder / "config.json").read_text()), **change}
    (folder / "config.json").write_text(json.dumps(config))
    error = headwise.fails(status, "rerank", "--model", folder, "--query", "q", "--documents", "-", stdin="a\nb\n")
    assert message in error, error


def test_config_nested_deeply(headwise, folder):
    (folder / "config.json").write_text("[" * 1_000_000)
    assert "config.json" in headwise.fails(3, "inspect", folder)


def test_not_a_model(headwise, tmp_path):
    (tmp_path / "empty").mkdir()
    assert "has no config.json" in headwise.fails(3, "inspect", "empty")
    (tmp_path / "empty.gguf").write_bytes(b"")
    assert "truncated" in headwise.fails(3, "inspect", "empty.gguf")
    (tmp_path / "page.gguf").write_bytes(b"<!DOCTYPE html><html>")
    assert "web page" in headwise.fails(3, "inspect", "page.gguf")
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    assert "'peft_type' should be" in headwise.fails(3, "inspect", "adapter")
