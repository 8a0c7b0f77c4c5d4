#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""Contender: the bi-encoder all-MiniLM-L6-v2 in torch, fp32. A request a line, an answer a line; started by kept.py.

With --keep the vectors of passages are kept by their texts, so that a known passage costs a product of two vectors."""
import argparse
import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
import numpy as np  # noqa: E402
import torch  # noqa: E402
from bi_encoders import MiniLM  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keep", action="store_true")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    encoder = MiniLM()
    kept: dict[str, np.ndarray] = {}
    for line in sys.stdin:
        request = json.loads(line)
        query = encoder.embed([request["query"]], "query")[0]
        documents = request["documents"]
        new = [text for text in documents if text not in kept]
        if new:
            kept.update(zip(new, encoder.embed(new, "passages")))
        scores = [float(kept[text] @ query) for text in documents]
        if not arguments.keep:
            kept.clear()
        order = sorted(range(len(documents)), key=lambda place: -scores[place])
        print(json.dumps({"results": [{"index": place, "score": scores[place]} for place in order]}), flush=True)


if __name__ == "__main__":
    main()
