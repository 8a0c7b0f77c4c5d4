#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Fits relevance (docs/method.md#relevance) for both head sets of the default model, the one by itself and the one
# of the adapter that ships, on training questions alone, and says how far it is to be trusted on those and on test
# questions. Goes on where it stopped; samples of other heads are refused, so a new head set needs a new OUT.
#   models/recipes/relevance.sh DATA OUT [SHARE]      (SHARE: 1: about two hours on 2 cores; 4: a quarter of the questions)
set -euo pipefail
data=$1 out=$2 share=${3:-1}
headwise=${HEADWISE:-build/release/headwise}
folder=models/smollm2-135m-instruct

# use name run split grade depth skip questions
sets='
train dl21     run.bm25.trec       test  2 100  0  53
train musique  run.given.trec      test  1  20  0  60
train scifact  run.bm25.train.trec train 1  20  0  80
train nfcorpus run.bm25.train.trec train 1  20  0  80
test  dl19     run.bm25.trec       test  2 100  0  43
test  musique  run.given.trec      test  1  20 60  40
test  scifact  run.bm25.trec       test  1  20  0  60
test  nfcorpus run.bm25.trec       test  1  20  0  60
'
for adapter in none default; do
  heads=$folder/heads.json
  [[ $adapter == default ]] && heads=$folder/adapter/heads.json
  mkdir -p "$out/$adapter"
  train=() test=()
  while read -r use name run split grade depth skip questions; do
    [[ -n $use ]] || continue
    samples=$out/$adapter/$use-$name.jsonl
    if [[ ! -f $samples ]]; then
      "$headwise" heads sample --dataset "$data/$name" --run "$data/$name/$run" --split "$split" \
        --qrels "$data/$name/qrels/$split.tsv" --grade "$grade" --depth "$depth" --skip "$skip" \
        --queries $(((questions + share - 1) / share)) --draws 12 --adapter "$adapter" --weights fp32 --output "$samples"
    fi
    if [[ $use == train ]]; then train+=(--samples "$samples"); else test+=(--test "$samples"); fi
  done <<<"$sets"
  "$headwise" heads calibrate "${train[@]}" "${test[@]}" --heads "$heads" --output "$heads" --report "$out/$adapter.html"
done
