# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
"""A run by a bi-encoder over the candidates of another run, as `headwise rerank` makes one: what aligned heads are compared with.

    teacher/bin/python bench/quality/bi_encoder_run.py --encoder minilm --dataset DATA/dl19 --run DATA/dl19/run.bm25.trec --depth 40 --max-words 80 \\
        [--skip N] [--queries N] --output dl19.trec    (the environment of scripts/requirements-teacher.txt)
"""
from __future__ import annotations

import argparse
import sys
from pathlib import Path

from trec_runs import read_run, write_run

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts"))
from beir import passage_text, read_jsonl  # noqa: E402
from bi_encoders import ENCODERS, load_encoder  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", choices=sorted(ENCODERS), default="minilm")
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--depth", type=int, default=40)
    parser.add_argument("--max-words", type=int, default=80)
    parser.add_argument("--skip", type=int, default=0, help="queries of the run")
    parser.add_argument("--queries", type=int)
    parser.add_argument("--output", type=Path, required=True)
    arguments = parser.parse_args()

    run = read_run(arguments.run, arguments.depth)
    chosen = list(run)[arguments.skip:][:arguments.queries]
    wanted = {document for query in chosen for document in run[query]}
    texts = {}
    for document in read_jsonl(arguments.dataset / "corpus.jsonl"):
        if document["_id"] in wanted:
            texts[document["_id"]] = passage_text(document.get("title") or "", document["text"], arguments.max_words)
    asked = {query["_id"]: query["text"] for query in read_jsonl(arguments.dataset / "queries.jsonl")}
    encoder, _ = load_encoder(arguments.encoder)
    passages = dict(zip(texts, encoder.passages(list(texts.values()))))
    queries = encoder.queries([asked[query] for query in chosen])
    write_run(arguments.output, {query: {document: float(passages[document] @ vector) for document in run[query] if document in passages}
                                 for query, vector in zip(chosen, queries, strict=True)}, arguments.encoder)


if __name__ == "__main__":
    main()
