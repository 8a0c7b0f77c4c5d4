#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Writes the head-score stores that docs/evaluation.md#head-selection works on: training and test queries of five collections in both
# encodings, every head of the default model. Goes on where it stopped. About an hour on 2 cores.
#   models/recipes/head_stores.sh DATA OUT [ENCODING...]      (encodings: blocks list)
# Of another model, with fewer training queries, in less time:
#   HEADWISE_MODEL=gemma-3-270m-q4_k_m.gguf HEADWISE_ADAPTER=none HEADWISE_PRECISION=bf16 TRAIN_QUERIES=40 models/recipes/head_stores.sh DATA OUT
# In `list` the training candidates are shuffled, so that no head is chosen for the place of a passage, and the test
# candidates reversed (best last), as ICR and QRHead read them.
set -euo pipefail
data=$1 out=$2
shift 2
encodings=("${@:-blocks}")
headwise=${HEADWISE:-build/release/headwise}

# use name folder run split depth words skip queries
sets='
train dl21     dl21     run.bm25.trec       test  40 80  0  0
train musique  musique  run.given.trec      test  20 80  0  60
train scifact  scifact  run.bm25.train.trec train 20 100 0  90
train nfcorpus nfcorpus run.bm25.train.trec train 20 100 0  130
test  dl19     dl19     run.bm25.trec       test  40 80  0  0
test  musique  musique  run.given.trec      test  20 80  60 40
test  scifact  scifact  run.bm25.trec       test  20 100 0  100
test  nfcorpus nfcorpus run.bm25.trec       test  20 100 0  100
'
for encoding in "${encodings[@]}"; do
  while read -r use name folder run split depth words skip queries; do
    [[ -n $use ]] || continue
    [[ $use == train ]] && queries=${TRAIN_QUERIES:-$queries}
    order=given
    if [[ $encoding == list ]]; then [[ $use == train ]] && order=shuffled || order=reversed; fi
    store=$out/$encoding/$use/$name
    [[ -f $store/manifest.json ]] && continue
    mkdir -p "$store"
    "$headwise" heads score --dataset "$data/$folder" --run "$data/$folder/$run" --split "$split" --depth "$depth" \
      --max-words "$words" --skip "$skip" --queries "$queries" --encoding "$encoding" --order "$order" --seed 1 \
      --weights fp32 --precision "${HEADWISE_PRECISION:-fp32}" --output "$store"
  done <<<"$sets"
done
