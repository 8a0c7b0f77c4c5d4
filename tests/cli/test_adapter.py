# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""rerank --adapter: scores of PEFT's own merged model, and adapters that are refused by name."""
import json
import shutil

import numpy as np
import pytest
from tolerance import tolerance
from where import ROOT
from safetensors.numpy import load_file, save_file

DATA = ROOT / "tests" / "data"
MODELS = DATA / "golden" / "models"
LORA = DATA / "adapters" / "lora"
PASSAGES = "one two three\nsome other words\na cat and a dog\nthe last of them\n"


def scores(headwise, model, *flags):
    done = headwise("rerank", "--model", model, "--query", "what is it?", "--documents", "-", "--format", "jsonl",
                    "--heads", "all", *flags, stdin=PASSAGES)
    assert done.returncode == 0, done.stderr
    found = {}
    for line in done.stdout.splitlines():
        answer = json.loads(line)
        for row in answer.get("results", [answer]):
            found[row["index"]] = row["score"]
    assert len(found) == 4
    return np.array([found[index] for index in sorted(found)])


@pytest.mark.parametrize("base", ["tiny-llama-linear", "tiny-llama-linear-f32.gguf"])
@pytest.mark.parametrize("encoding", ["list", "blocks"])
@pytest.mark.parametrize("weights", ["stored", "fp32"])
def test_scores_are_those_of_pefts_merged_model(headwise, base, encoding, weights):
    flags = ("--encoding", encoding, "--calibration", "none", "--weights", weights)
    merged = scores(headwise, DATA / "adapters" / "merged", *flags)
    frozen = scores(headwise, MODELS / base, *flags)
    ours = scores(headwise, MODELS / base, "--adapter", LORA, *flags)
    assert np.abs(ours - merged).max() < tolerance("cpu", "fp32").score * np.abs(merged).max()
    assert np.abs(frozen - merged).max() > 1e-3 * np.abs(merged).max(), "the adapter should change scores"


@pytest.fixture
def adapter(tmp_path):
    return shutil.copytree(LORA, tmp_path / "adapter")


def set_config(folder, **members):
    path = folder / "adapter_config.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **members}))


@pytest.mark.parametrize("members, code, words", [
    ({"use_dora": True}, 4, "use_dora"),
    ({"modules_to_save": ["embed_tokens"]}, 4, "modules_to_save"),
    ({"bias": "all"}, 4, "bias"),
    ({"init_lora_weights": "pissa_niter_4"}, 4, "goes with a changed base model"),
    ({"corda_config": {"corda_method": "kpm"}, "init_lora_weights": "corda"}, 4, "goes with a changed base model"),
    ({"use_of_tomorrow": 2}, 4, "use_of_tomorrow"),
    ({"alpha_pattern": {"(.*)*(.*)*(.*)*[xy]": 16}}, 5, "takes too long"),
    ({"peft_type": "IA3"}, 4, "IA3"),
    ({"r": 0}, 3, "'r' should be"),
    ({"r": 5}, 3, "should have shape"),
    ({"lora_alpha": "many"}, 3, "lora_alpha"),
    ({"rank_pattern": {"(": 3}}, 3, "no regular expression"),
])
def test_refused_by_name(headwise, adapter, members, code, words):
    set_config(adapter, **members)
    done = headwise("rerank", "--model", MODELS / "tiny-llama-linear", "--adapter", adapter, "--query", "q", "--documents",
                    "-", stdin=PASSAGES)
    assert done.returncode == code and words in done.stderr, done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("change, code, words", [
    (lambda t: t.pop(next(k for k in t if "lora_B" in k)), 3, "without lora_B"),
    (lambda t: t.update({"base_model.model.model.embed_tokens.lora_embedding_A": np.zeros((2, 2), np.float32)}), 4,
     "lora_embedding_A"),
    (lambda t: t.update({next(iter(t)): np.full_like(t[next(iter(t))], np.nan)}), 3, "not finite"),
    (lambda t: t.clear(), 3, ""),
])
def test_damaged_tensors(headwise, adapter, change, code, words):
    tensors = load_file(adapter / "adapter_model.safetensors")
    change(tensors)
    save_file(tensors, adapter / "adapter_model.safetensors")
    done = headwise("rerank", "--model", MODELS / "tiny-llama-linear", "--adapter", adapter, "--query", "q", "--documents",
                    "-", stdin=PASSAGES)
    assert done.returncode == code and words in done.stderr, done.stderr


def test_missing_folder_and_other_model(headwise, tmp_path):
    for model, adapter, code in ((MODELS / "tiny-llama-linear", tmp_path / "no", 3), (MODELS / "tiny-qwen3", LORA, 3)):
        done = headwise("rerank", "--model", model, "--adapter", adapter, "--query", "q", "--documents", "-", stdin=PASSAGES)
        assert done.returncode == code and "loading adapter" in done.stderr, done.stderr


def test_heads_beside_the_adapter_are_its_default(headwise, adapter):
    def rank(*flags):
        done = headwise("rerank", "--model", MODELS / "tiny-llama-linear", "--adapter", adapter, "--query", "what is it?",
                        "--documents", "-", "--format", "jsonl", *flags, stdin=PASSAGES)
        assert done.returncode == 0, done.stderr
        answer = json.loads(done.stdout)
        return answer["results"], answer["statistics"]["heads_read"]

    listed, count = rank("--heads", "1-2")
    assert count == 1 and rank()[1] == 8  # no set ships for this model: all heads
    (adapter / "heads.json").write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["1-2"]}))
    assert rank() == (listed, 1)
    assert rank("--heads", "all")[1] == 8


def test_inspect_tells_an_adapter(headwise, adapter):
    (adapter / "heads.json").write_text(json.dumps({"format": "headwise head set", "version": 1, "heads": ["1-2", "0-3"]}))
    shown = json.loads(headwise("inspect", adapter, "--json").stdout)
    tensors = load_file(adapter / "adapter_model.safetensors")
    assert shown["format"] == "PEFT adapter" and shown["adapter"]["matrices"] == len(tensors) // 2
    assert shown["adapter"]["rank"] == json.loads((adapter / "adapter_config.json").read_text())["r"]
    assert "self_attn.q_proj" in shown["adapter"]["projections"] and shown["adapter"]["heads"] == "2 of layers 0-1"
    text = headwise("inspect", adapter).stdout
    assert "PEFT adapter" in text and "matrices of layers" in text and "2 of layers 0-1" in text


def test_inspect_tells_what_of_an_adapter_is_not_supported(headwise, adapter):
    set_config(adapter, use_dora=True)
    shown = json.loads(headwise("inspect", adapter, "--json").stdout)
    assert any("use_dora" in phrase for phrase in shown["unsupported"])
    (adapter / "adapter_model.safetensors").unlink()
    assert headwise("inspect", adapter).returncode == 3
