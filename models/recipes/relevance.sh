#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Fits relevance (docs/method.md#relevance) for both head sets of the default model, the one by itself and the one of the adapter that ships, on
# training questions alone, and says how far it is to be trusted on questions that were held out and on test collections. Goes on where it stopped;
# samples of other heads are refused, so a new head set needs a new OUT. A question's passages are encoded once for all its requests.
#   models/recipes/relevance.sh POOL DATA OUT [QUESTIONS [ADAPTER...]]
# QUESTIONS: of each of the pool's sets, 40; of a test collection, as many; held out, twice as many of a kind. ADAPTER: none, default; both.
set -euo pipefail
pool=$1 data=$2 out=$3 questions=${4:-40}
adapters=("${@:5}")
((${#adapters[@]})) || adapters=(none default)
headwise=${HEADWISE:-build/release/headwise}
python=${PYTHON:-.venv/bin/python}
folder=models/smollm2-135m-instruct

mkdir -p "$out"
"$python" scripts/pool_kinds.py "$pool" "$out/kinds" --questions "$questions" > "$out/kinds.txt"
mapfile -t kinds < <(cut -d' ' -f1 "$out/kinds.txt")

# test collections: name run grade depth skip
tests='
dl19     run.bm25.trec  2 100  0
musique  run.given.trec 1  20 60
scifact  run.bm25.trec  1  20  0
nfcorpus run.bm25.trec  1  20  0
'

# sample FILE FOLDER RUN QRELS GRADE DEPTH FLAGS...
sample() {
  [[ -f $1 ]] || "$headwise" heads sample --output "$1" --dataset "$2" --run "$3" --qrels "$4" --grade "$5" --depth "$6" --draws 12 \
    --adapter "$adapter" --weights fp32 --precision "${HEADWISE_PRECISION:-fp32}" --keep-memory 2GiB "${@:7}"
}

for adapter in "${adapters[@]}"; do
  heads=$folder/heads.json
  [[ $adapter == default ]] && heads=$folder/adapter/heads.json
  mkdir -p "$out/$adapter"
  # Many candidates of one question are dl21's alone.
  sample "$out/$adapter/train-dl21.jsonl" "$data/dl21" "$data/dl21/run.bm25.trec" "$data/dl21/qrels/test.tsv" 2 100 --queries "$questions"
  fit=(--samples "$out/$adapter/train-dl21.jsonl")
  for kind in "${kinds[@]}"; do
    for use in train held-out; do
      samples=$out/$adapter/$use-$kind.jsonl
      most=()
      [[ $use == held-out ]] && most=(--queries $((2 * questions)))
      sample "$samples" "$out/kinds/$kind" "$out/kinds/$kind/$use.trec" "$out/kinds/$kind/qrels/train.tsv" 1 20 "${most[@]}"
      if [[ $use == train ]]; then fit+=(--samples "$samples"); else fit+=(--test "$samples"); fi
    done
  done
  while read -r name run grade depth skip; do
    [[ -n $name ]] || continue
    samples=$out/$adapter/test-$name.jsonl
    sample "$samples" "$data/$name" "$data/$name/$run" "$data/$name/qrels/test.tsv" "$grade" "$depth" --split test --skip "$skip" --queries "$questions"
    fit+=(--test "$samples")
  done <<<"$tests"
  "$headwise" heads calibrate "${fit[@]}" --heads "$heads" --output "$heads" --report "$out/$adapter.html"
done
