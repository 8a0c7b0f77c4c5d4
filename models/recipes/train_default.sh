#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains the default model's adapter anew, in four trainings: models/smollm2-135m-instruct/train.toml and anneal.toml with a small teacher's scores,
# then stages whole.1 and whole.2 of train_reader.sh. Training queries alone. Goes on where it stopped. The first is minutes on a GPU (DEVICE cuda: a
# libtorch with CUDA, see docs/align.md), many hours on 2 cores; the last two are 80 minutes each on 2 cores. What comes out is
# OUT/whole/adapter.whole.2, which models/recipes/ship_adapter.py puts where it ships.
#   models/recipes/train_default.sh POOL DATA OUT [DEVICE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pool=$(realpath "$1") data=$(realpath "$2")
mkdir -p "$3"
out=$(realpath "$3")
device=${4:-cpu}
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

next() { "$root/models/recipes/train_reader.sh" "$pool" "$data" "$out/whole" "$1" "$2"; }
next "$out/anneal" whole.1
next "$out/whole/adapter.whole.1" whole.2
