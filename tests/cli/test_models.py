# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""`models`, and --model by the names that other tools give: a home that is made up of the tree's tiny models."""
import hashlib
import json
import shutil

import pytest
import where

MODELS = where.ROOT / "tests" / "data" / "golden" / "models"
GGUF = MODELS / "tiny-llama-q8_0.gguf"
COMMIT = "0123456789abcdef0123456789abcdef01234567"
ONE_PASSAGE = ["rerank", "--query", "q", "--documents", "-", "--json", "--heads", "all"]


def link_in(target, link):
    link.parent.mkdir(parents=True, exist_ok=True)
    link.symlink_to(target)


@pytest.fixture
def user(headwise, tmp_path):
    """A user's home with a model of every tool."""
    home = tmp_path / "user"
    hub = home / ".cache" / "huggingface" / "hub"
    repository = hub / "models--tiny--Qwen3"
    for file in sorted(where.TINY.iterdir()):  # snapshots are links into blobs
        blob = repository / "blobs" / hashlib.sha256(file.name.encode()).hexdigest()
        blob.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(file, blob)
        link_in(f"../../blobs/{blob.name}", repository / "snapshots" / COMMIT / file.name)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    gguf = hub / "models--tiny--Llama-GGUF" / "snapshots" / COMMIT
    link_in(GGUF, gguf / "tiny-Q8_0.gguf")
    link_in(MODELS / "tiny-llama-linear-f32.gguf", gguf / "tiny-F32.gguf")
    ollama = home / ".ollama" / "models"
    digest = hashlib.sha256(GGUF.read_bytes()).hexdigest()
    link_in(GGUF, ollama / "blobs" / f"sha256-{digest}")
    manifest = ollama / "manifests" / "registry.ollama.ai" / "library" / "tiny" / "1m"
    manifest.parent.mkdir(parents=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"}]}))
    link_in(GGUF, home / ".lmstudio" / "models" / "maker" / "Studio-GGUF" / "studio-Q8_0.gguf")
    link_in(MODELS / "tiny-qwen2-f16.gguf", home / ".cache" / "llama.cpp" / "maker_Cpp-GGUF_cpp-f16.gguf")
    headwise.flags.update({name: "" for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE",
                                                 "XDG_CACHE_HOME")}, HOME=home, HEADWISE_HOME=home / "headwise")
    return home


def listed(headwise):
    return {model["name"]: model for model in json.loads(headwise.ok("models", "--json"))}


def test_models_of_every_tool_are_listed(headwise, user):
    models = listed(headwise)
    assert {name: model["place"] for name, model in models.items()} == {
        "tiny/Qwen3": "Hugging Face", "tiny/Llama-GGUF:F32": "Hugging Face", "tiny/Llama-GGUF:Q8_0": "Hugging Face", "tiny:1m": "Ollama",
        "maker/Studio-GGUF:Q8_0": "LM Studio", "maker_Cpp-GGUF_cpp-f16.gguf": "llama.cpp"}
    assert all(model["loads"] for model in models.values()), models
    inspected = json.loads(headwise.ok("inspect", "tiny:1m", "--json"))["memory"]
    told = models["tiny:1m"]["memory"]
    assert told["stored_weights"] == inspected["stored_weights"]
    assert told["needed"] == sum(inspected[name] for name in ("stored_weights", "largest_layer", "per_1000_tokens"))
    table = headwise.ok("models")
    assert "tiny/Qwen3" in table and "do not load" not in table


@pytest.mark.parametrize("name", ["tiny/Qwen3", "TINY/qwen3", f"tiny/Qwen3@{COMMIT}", "tiny/Qwen3@main", "tiny/Llama-GGUF:Q8_0",
                                  "tiny/Llama-GGUF/tiny-F32.gguf", "tiny:1m", "maker/Studio-GGUF", "studio", "maker_Cpp-GGUF_cpp-f16",
                                  "~/.lmstudio/models/maker/Studio-GGUF/studio-Q8_0.gguf"])
def test_such_a_name_is_a_model(headwise, user, name):
    assert headwise.ok(*ONE_PASSAGE, "--model", name, stdin="a\nb\n")
    assert headwise.ok(*ONE_PASSAGE, stdin="a\nb\n", env={"HEADWISE_MODEL": name})


def test_a_name_that_fits_several_is_told_with_all_of_them(headwise, user):
    stderr = headwise.fails(2, *ONE_PASSAGE, "--model", "tiny/Llama-GGUF", stdin="a\n")
    assert "fits several models" in stderr
    assert "tiny/Llama-GGUF:Q8_0  (Hugging Face: " in stderr and "tiny/Llama-GGUF:F32" in stderr
    assert "did you mean 'tiny/qwen3'?" in headwise.fails(3, *ONE_PASSAGE, "--model", "tiny/qwen33", stdin="a\n")


def test_variables_move_the_folders(headwise, user, tmp_path):
    moved = tmp_path / "elsewhere"
    (user / ".cache" / "huggingface").rename(moved)
    assert "tiny/Qwen3" not in listed(headwise)
    for name, value in {"HF_HOME": moved, "HF_HUB_CACHE": moved / "hub", "HUGGINGFACE_HUB_CACHE": moved / "hub"}.items():
        assert "tiny/Qwen3" in headwise.ok("models", env={name: value}), name
    (user / ".ollama" / "models").rename(tmp_path / "blobs")
    assert "tiny:1m" not in listed(headwise) and "tiny:1m" in headwise.ok("models", env={"OLLAMA_MODELS": tmp_path / "blobs"})


def test_what_is_broken_never_breaks_the_list(headwise, user):
    hub = user / ".cache" / "huggingface" / "hub"
    whole = GGUF.read_bytes()
    bad = user / ".lmstudio" / "models" / "bad" / "Files-GGUF"
    bad.mkdir(parents=True)
    (bad / "half-Q8_0.gguf").write_bytes(whole[:len(whole) // 2])  # a download that never ended
    (bad / "empty-F16.gguf").write_bytes(b"")
    (bad / "noise-F32.gguf").write_bytes(bytes(range(256)) * 8)
    (bad / "folder-Q4_0.gguf").mkdir()
    link_in("nowhere", bad / "astray-Q6_K.gguf")
    broken = hub / "models--bad--Folder" / "snapshots" / COMMIT
    broken.mkdir(parents=True)
    (broken / "config.json").write_text('{"architectures": [')
    foreign = hub / "models--bad--Bert" / "snapshots" / COMMIT
    foreign.mkdir(parents=True)
    (foreign / "config.json").write_text('{"architectures": ["BertModel"], "model_type": "bert"}')
    (foreign / "model.safetensors").write_bytes((0).to_bytes(8, "little"))
    manifests = user / ".ollama" / "models" / "manifests" / "registry.ollama.ai" / "library"
    (manifests / "gone").mkdir()
    (manifests / "gone" / "latest").write_text(json.dumps({"layers": [
        {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:00"}]}))
    (manifests / "torn").mkdir()
    (manifests / "torn" / "latest").write_text('{"layers"')
    models = listed(headwise)
    for name in ("bad/Files-GGUF:Q8_0", "bad/Files-GGUF:F16", "bad/Files-GGUF:F32", "bad/Files-GGUF:Q6_K", "bad/Folder", "bad/Bert", "gone:latest"):
        assert not models[name]["loads"] and models[name]["reason"], name
    assert models["tiny/Qwen3"]["loads"] and "torn:latest" not in models
    table = headwise.ok("models")
    assert "do not load:" in table and "  gone:latest: " in table


def test_nothing_found_says_where_it_looked(headwise, tmp_path):
    headwise.flags.update({name: "" for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "OLLAMA_MODELS", "LLAMA_CACHE",
                                                 "XDG_CACHE_HOME")}, HOME=tmp_path, HEADWISE_HOME=tmp_path / "headwise")
    done = headwise("models", "--json")
    if json.loads(done.stdout) == []:  # a machine may have a service's models
        assert f"{tmp_path}/.cache/huggingface/hub" in done.stderr and f"{tmp_path}/.lmstudio/models" in done.stderr
    assert done.returncode == 0
