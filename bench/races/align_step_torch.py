# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""One update of HeadRank's alignment in eager PyTorch, as research code would write it: the contender of `headwise align`.

transformers' Llama with eager attention and a block mask (every passage sees the text before the passages and itself, the question sees
everything), PEFT's LoRA on the same projections, the pair loss on the attention of the heads read, AdamW. Prints the median seconds of
an update and the peak memory, as JSON.

    reference/bin/python bench/races/align_step_torch.py --model FOLDER_OR_GGUF --data DATA/dl21 --layers 19 --updates 6
"""
import argparse
import json
import resource
import statistics
import time
from pathlib import Path

import peft
import torch
import transformers


def lists_of(data: Path, run: str, split: str, count: int, size: int, words: int):
    queries = {row["_id"]: row["text"] for row in map(json.loads, open(data / "queries.jsonl", encoding="utf-8"))}
    grades = {}
    for line in open(data / "qrels" / f"{split}.tsv", encoding="utf-8").read().splitlines()[1:]:
        query, document, grade = line.split("\t")
        grades.setdefault(query, {})[document] = int(grade)
    wanted = {}
    for line in open(data / run, encoding="utf-8"):
        query, _, document = line.split()[:3]
        if query in grades and len(wanted.setdefault(query, [])) < size:
            wanted[query].append(document)
    texts = {row["_id"]: row["text"] for row in map(json.loads, open(data / "corpus.jsonl", encoding="utf-8"))}
    for query, documents in list(wanted.items())[:count]:
        yield (queries[query], [" ".join(texts[document].split()[:words]) for document in documents],
               [grades[query].get(document, 0) for document in documents])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--run", default="run.bm25.trec")
    parser.add_argument("--split", default="test")
    parser.add_argument("--layers", type=int, default=19)
    parser.add_argument("--passages", type=int, default=16)
    parser.add_argument("--words", type=int, default=60)
    parser.add_argument("--updates", type=int, default=6)
    parser.add_argument("--targets", default="q_proj,k_proj,v_proj,o_proj,gate_proj,up_proj,down_proj")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    torch.manual_seed(1)
    gguf = arguments.model.is_file()
    folder = arguments.model.parent if gguf else arguments.model
    extra = {"gguf_file": arguments.model.name} if gguf else {}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder, **extra)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, attn_implementation="eager", dtype=torch.float32, **extra)
    model.model.layers = model.model.layers[:arguments.layers]
    config = peft.LoraConfig(r=16, lora_alpha=32, target_modules=arguments.targets.split(","))
    model = peft.get_peft_model(model, config)
    optimiser = torch.optim.AdamW([p for p in model.parameters() if p.requires_grad], lr=1e-4)
    heads = [(layer, head) for layer in range(arguments.layers - 4, arguments.layers) for head in range(2)]
    seconds, tokens = [], []
    lists = lists_of(arguments.data, arguments.run, arguments.split, arguments.updates + 1, arguments.passages, arguments.words)
    for question, passages, grades in lists:
        begun = time.perf_counter()
        prefix = tokenizer("<|im_start|>user\nHere are some passages.\n\n", add_special_tokens=False).input_ids
        blocks = [tokenizer(f"[{i + 1}] {text}\n\n", add_special_tokens=False).input_ids for i, text in enumerate(passages)]
        # The question, and the content-free question that calibrates it: neither sees the other.
        asks = [tokenizer(f"Query: {text}", add_special_tokens=False).input_ids for text in (question, "N/A")]
        ids, owner = list(prefix), [-1] * len(prefix)
        positions = list(range(len(prefix)))
        span = max(map(len, blocks))
        places = []
        for i, block in enumerate(blocks):
            places.append((len(ids), len(ids) + len(block)))
            positions += range(len(prefix), len(prefix) + len(block))
            ids += block
            owner += [i] * len(block)
        rows = []
        for i, ask in enumerate(asks):
            rows.append((len(ids), len(ids) + len(ask)))
            positions += range(len(prefix) + span, len(prefix) + span + len(ask))
            ids += ask
            owner += [1000 + i] * len(ask)
        kind = torch.tensor(owner)
        causal = torch.ones(len(ids), len(ids), dtype=torch.bool).tril()
        sees = causal & ((kind[None] == kind[:, None]) | (kind[None] == -1) | ((kind[:, None] >= 1000) & (kind[None] < 1000)))
        mask = torch.zeros(len(ids), len(ids)).masked_fill(~sees, torch.finfo(torch.float32).min)[None, None]
        out = model.base_model.model.model(input_ids=torch.tensor([ids]), position_ids=torch.tensor([positions]), attention_mask=mask,
                                           output_attentions=True, use_cache=False)
        scores = []
        for begin, end in rows:
            read = torch.stack([out.attentions[layer][0, head, begin:end] for layer, head in heads])  # [heads, rows, T]
            scores.append(torch.stack([read[:, :, first:last].sum(-1).mean(-1) for first, last in places], -1).mean(0))
        logits = torch.log(scores[0] + 1e-9) - torch.log(scores[1] + 1e-9)
        grade = torch.tensor(grades)
        above, below = torch.nonzero(grade[:, None] > grade[None], as_tuple=True)
        if len(above) == 0:
            continue
        loss = torch.nn.functional.softplus(-((logits[above] - logits[below]) / 0.5 - 0.1)).mean()
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], 1.0)
        optimiser.step()
        seconds.append(time.perf_counter() - begun)
        tokens.append(len(ids))
    print(json.dumps({"updates": len(seconds) - 1, "median_seconds": round(statistics.median(seconds[1:]), 3),
                      "median_tokens": statistics.median(tokens[1:]), "seconds": [round(s, 3) for s in seconds],
                      "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024, "torch": torch.__version__,
                      "transformers": transformers.__version__, "peft": peft.__version__, "threads": torch.get_num_threads()}))


if __name__ == "__main__":
    main()
