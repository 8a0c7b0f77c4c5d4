#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains the default model's adapter anew, as models/smollm2-135m-instruct/train.toml says: a teacher's scores first, then
# `headwise align`. Training queries alone. Goes on where it stopped. About two hours on 2 cores.
#   bench/tasks/train_default.sh DATA OUT
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
data=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
settings=$root/models/smollm2-135m-instruct

if [[ ! -f $out/targets.jsonl ]]; then
  if [[ ! -x $out/teacher/bin/python ]]; then
    python3 -m venv "$out/teacher"
    "$out/teacher/bin/pip" install --quiet -r "$root/scripts/requirements-teacher.txt"
  fi
  # musique's own questions are not asked of the teacher: their judgements are used instead.
  "$out/teacher/bin/python" "$root/scripts/teacher_batches.py" --batches 520 --questions 24 --output "$out/targets.jsonl" \
    --collection "dir=$data/dl21,queries=test,weight=.5" \
    --collection "dir=$data/musique,run=run.given.trec,first=60,only=run,composed=.4,real=drop,weight=.25" \
    --collection "dir=$data/scifact,queries=train,weight=.12" \
    --collection "dir=$data/nfcorpus,queries=train,weight=.13"
fi
cd "$data"  # the folders that train.toml names
exec "${HEADWISE:-$root/build/release/headwise}" align --config "$settings/train.toml" --heads "$settings/start-heads.json" \
  --targets "$out/targets.jsonl" --trunk-cache "$out/trunk" --output "$out/adapter"
