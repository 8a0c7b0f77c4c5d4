#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains the default model's adapter on from what models/recipes/train_default.sh ends with, or from any other (START), as
# models/smollm2-135m-instruct/reader.toml says: questions of a training pool and of two collections' training queries, for passages that are kept.
# A batch is 16 passages and 40 questions with mpnet's scores of each pair: its passages are most of what it costs. Questions of several steps come in
# lists of one question, with what is known and what the frozen model says. Goes on where it stopped, at the same command. With 720 updates an hour on
# 2 cores with bf16, 20 minutes of it the teacher's; more updates want more batches.
#   models/recipes/train_reader.sh POOL DATA OUT START [FLAG of headwise align...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pool=$(realpath "$1") data=$(realpath "$2") start=$(realpath "$4")
mkdir -p "$3"
out=$(realpath "$3")
shift 4
batches=${BATCHES:-1}  # times as many of each set
headwise=${HEADWISE:-$root/build/release/headwise}
held_out=$root/models/training/held_out.tsv
settings=$root/models/smollm2-135m-instruct
# Products in bf16 halve the time on a CPU that has them; the losses of an update agree to a percent.
precision=fp32 cheap=()
grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo && precision=bf16 cheap=(--bf16)

cd "$out"
ln -sfn "$pool" pool
ln -sfn "$data" data
mkdir -p lists batches
python=$out/teacher/bin/python
if ! "$python" -c 'import numpy, scipy, torch, transformers' 2>/dev/null; then
  python3 -m venv teacher
  teacher/bin/pip install --quiet -r "$root/scripts/requirements-teacher.txt"
fi

# teach NAME COLLECTION COUNT
teach() {
  [[ -f batches/$1.jsonl ]] || "$python" "$root/scripts/teacher_batches.py" --collection "$2" --held-out "$held_out" --teacher mpnet --store vectors \
    --real-share .5 --batches $(($3 * batches)) --passages 16 --questions 40 --words 80 --seed 11 "${cheap[@]}" --output "batches/$1.jsonl"
}
for set in msmarco_qna=240 dl21_more=120 nq=180 dl22=120; do
  teach "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}"
done
for name in scifact nfcorpus; do
  teach $name dir=data/$name,queries=train 120
done

# What is known, and rankings of the held-out questions.
for set in hotpotqa=2 twowiki=2 musique_more=4 climate_fever=2 nq=1 msmarco_qna=1; do
  name=${set%=*}
  [[ -f lists/$name.jsonl ]] || "$python" "$root/scripts/teacher_lists.py" --set "pool/$name" --held-out "$held_out" --teacher none --store vectors \
    --near 0 --rounds "${set#*=}" --questions 1 --run "lists/$name.held-out.trec" --targets "lists/$name.jsonl"
done

# Two processes with a batch each, since one cannot fill two cores.
align=("$headwise" align --config "$settings/reader.toml" --from "$start" --precision "$precision" --trunk-cache trunk --output adapter
  --threads $((($(nproc) + 1) / 2)) --workers 2 "$@")
"${align[@]}" --worker 1 &
"${align[@]}" --worker 0
wait $!
