# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Loads an adapter that `headwise align` wrote with transformers and PEFT, and compares hidden states with the engine's.

Every token of a text, after every layer up to the deepest that the adapter changes; the largest difference, relative to the layer's
largest value. Also how much the adapter changes them, so that agreement means something.

    reference/bin/python bench/probes/adapter_in_peft.py --model SmolLM2-135M-Instruct.Q4_1.gguf --adapter models/smollm2-135m-instruct/adapter
"""
import argparse
import json
import subprocess
import warnings
from pathlib import Path

import numpy as np
import peft
import torch
import transformers

ROOT = Path(__file__).resolve().parents[2]
TEXT = ("Here are some passages.\n\n[1] Emma\nEmma is a novel written by Jane Austen, published in 1815.\n\n[2] Verdigris\nCopper turns green "
        "when it weathers.\n\nQuery: who wrote Emma?")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--program", type=Path, default=ROOT / "build" / "release" / "headwise_hidden_states")
    arguments = parser.parse_args()
    gguf = arguments.model.is_file()
    folder = arguments.model.parent if gguf else arguments.model
    extra = {"gguf_file": arguments.model.name} if gguf else {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **extra)
    base = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, **extra).eval()
    ids = tokenizer(TEXT, add_special_tokens=False, return_tensors="pt").input_ids
    last = max(json.loads((arguments.adapter / "adapter_config.json").read_text(encoding="utf-8"))["layers_to_transform"])

    def states(model) -> list[np.ndarray]:
        with torch.no_grad():
            return [state[0].numpy() for state in model(ids, output_hidden_states=True).hidden_states[1:last + 2]]

    frozen = states(base)
    with warnings.catch_warnings():
        # PEFT adds all its targets to the deepest layer, of which queries and keys alone are trained; the others stay at zero.
        warnings.filterwarnings("ignore", message="Found missing adapter keys")
        model = peft.PeftModel.from_pretrained(base, arguments.adapter).eval()
    adapted = states(model)
    answer = subprocess.run([arguments.program, arguments.model, arguments.adapter, str(last)], input=TEXT, text=True, check=True,
                            stdout=subprocess.PIPE).stdout
    ours = np.array(json.loads(answer), dtype=np.float32)
    assert ours.shape == (last + 1, ids.shape[1], frozen[0].shape[1]), ours.shape
    # The model's last state in transformers has the final norm; a layer before the last has not.
    differences = [float(np.abs(ours[layer] - adapted[layer]).max() / np.abs(adapted[layer]).max()) for layer in range(last + 1)]
    changes = [float(np.abs(frozen[layer] - adapted[layer]).max() / np.abs(adapted[layer]).max()) for layer in range(last + 1)]
    print(json.dumps({"layers": last + 1, "tokens": ids.shape[1], "largest_difference": max(differences), "largest_change_by_adapter": max(changes),
                      "torch": torch.__version__, "transformers": transformers.__version__, "peft": peft.__version__}))


if __name__ == "__main__":
    main()
