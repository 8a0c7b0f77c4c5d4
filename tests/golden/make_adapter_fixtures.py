#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Writes tests/data/adapters: a LoRA adapter that PEFT made for the model tiny-llama-linear, with rank-stabilised scale and
patterns of ranks and alphas, and the model that PEFT makes of the two (merge_and_unload). The engine's scores with
--adapter must be those of the merged model.

    python tests/golden/make_adapter_fixtures.py

Needs torch 2.15.0, transformers 5.23.0 and peft 0.21.2.
"""
import shutil
from pathlib import Path

import peft
import torch
from transformers import AutoModelForCausalLM

DATA = Path(__file__).resolve().parent.parent / "data"
BASE = DATA / "golden" / "models" / "tiny-llama-linear"
OUT = DATA / "adapters"


def main() -> None:
    torch.manual_seed(5)
    model = AutoModelForCausalLM.from_pretrained(BASE, dtype=torch.float32)
    config = peft.LoraConfig(r=4, lora_alpha=8, use_rslora=True, task_type="CAUSAL_LM",
                             target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"],
                             rank_pattern={"layers.1.self_attn.q_proj": 2, "down_proj": 3},
                             alpha_pattern={"k_proj": 16, r"layers\.[01]\.mlp\.up_proj": 2})
    adapted = peft.get_peft_model(model, config)
    with torch.no_grad():
        for name, weight in adapted.named_parameters():
            if "lora_B" in name:  # PEFT starts at zero: no change at all
                weight.normal_(std=0.05)
    shutil.rmtree(OUT, ignore_errors=True)
    adapted.save_pretrained(OUT / "lora")
    (OUT / "lora" / "README.md").unlink(missing_ok=True)
    path = OUT / "lora" / "adapter_config.json"
    path.write_text(path.read_text().replace(str(BASE), "tiny-llama-linear"))
    adapted.merge_and_unload().save_pretrained(OUT / "merged")
    (OUT / "merged" / "generation_config.json").unlink(missing_ok=True)
    shutil.copy(BASE / "tokenizer.json", OUT / "merged" / "tokenizer.json")


if __name__ == "__main__":
    main()
