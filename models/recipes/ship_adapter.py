# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Puts a trained adapter among the shipped ones: tensors in half precision, the rest as it is.

    python3 models/recipes/ship_adapter.py OUT/adapter models/smollm2-135m-instruct/adapter      (needs numpy and safetensors)
"""
import shutil
import sys
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file


def main() -> None:
    source, target = map(Path, sys.argv[1:3])
    target.mkdir(parents=True, exist_ok=True)
    tensors = load_file(source / "adapter_model.safetensors")
    halves = {name: np.ascontiguousarray(tensor.astype(np.float16)) for name, tensor in tensors.items()}
    worst = max(float(np.abs(halves[name].astype(np.float32) - tensor).max() / np.abs(tensor).max()) for name, tensor in tensors.items())
    save_file(halves, target / "adapter_model.safetensors", metadata={"format": "pt"})
    (target / "adapter_model.safetensors").chmod(0o644)
    for name in ("adapter_config.json", "heads.json", "README.md"):
        shutil.copyfile(source / name, target / name)
    print(f"{len(tensors)} tensors, {sum(tensor.size for tensor in halves.values())} values; largest error of one, relative to its tensor's "
          f"largest value: {worst:.1e}")


if __name__ == "__main__":
    main()
