#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains the default model's adapter anew, as models/smollm2-135m-instruct/train.toml and anneal.toml say: a teacher's scores first, then
# `headwise align` twice. Training queries alone. Goes on where it stopped. Minutes on a GPU (DEVICE cuda: a libtorch with CUDA, see
# docs/align.md), many hours on 2 cores.
#   models/recipes/train_default.sh DATA OUT [DEVICE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
device=${3:-cpu}
precision=fp32
[[ $device == cuda* ]] && precision=tf32
settings=$root/models/smollm2-135m-instruct
headwise=${HEADWISE:-$root/build/release/headwise}

if [[ ! -x $out/teacher/bin/python ]]; then
  python3 -m venv "$out/teacher"
  "$out/teacher/bin/pip" install --quiet -r "$root/scripts/requirements-teacher.txt"
fi
# teach NAME BATCHES SEED COLLECTION
teach() {
  [[ -f $out/$1.jsonl ]] || "$out/teacher/bin/python" "$root/scripts/teacher_batches.py" --device "$device" --words 80 --questions 24 \
    --output "$out/$1.jsonl" --batches "$2" --seed "$3" --collection "$4"
}
teach dl21 2400 21 "dir=$data/dl21,queries=test"
# musique's own questions are not asked of the teacher: their judgements are used instead, and the frozen model is the better judge there.
teach musique 1300 22 "dir=$data/musique,run=run.given.trec,first=60,only=run,composed=.5,real=drop"
teach scifact 800 23 "dir=$data/scifact,queries=train"
teach nfcorpus 900 24 "dir=$data/nfcorpus,queries=train"

cd "$data"  # the folders that the settings name
# align STAGE MUSIQUE'S_WEIGHT FLAG...
align() {
  local stage=$1 musique=$2
  shift 2
  "$headwise" align --config "$settings/$stage.toml" "$@" --device "$device" --precision "$precision" \
    --targets "$out/dl21.jsonl=.34" --targets "$out/musique.jsonl=$musique,frozen=3" --targets "$out/scifact.jsonl=.09" \
    --targets "$out/nfcorpus.jsonl=.10" --output "$out/$stage"
}
align train .17 --heads "$settings/start-heads.json"
align anneal .19 --from "$out/train"
