#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains an adapter for passages that are kept: questions of a training pool and of two collections' training queries, in stages that go on from
# each other. Stage 1 begins with what models/recipes/train_default.sh ends with (models/smollm2-135m-instruct/adapter), stage 2 with what stage 1
# made; models/smollm2-135m-instruct/reader.1.toml and reader.2.toml have their settings. A batch is 16 passages and 40 questions with mpnet's
# scores of each pair: its passages are most of what it costs. Questions of several steps come in lists of one question, with what is known and
# what the frozen model says. Goes on where it stopped, at the same command. Some 700 updates an hour on 2 cores with bf16; the teacher's part is
# 20 minutes.
#   models/recipes/train_reader.sh POOL DATA OUT START STAGE [FLAG of headwise align...]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pool=$(realpath "$1") data=$(realpath "$2") start=$(realpath "$4") stage=$5
mkdir -p "$3"
out=$(realpath "$3")
shift 5
headwise=${HEADWISE:-$root/build/release/headwise}
held_out=$root/models/training/held_out.tsv
settings=$root/models/smollm2-135m-instruct/reader.$stage.toml
# Products in bf16 halve the time on a CPU that has them; the losses of an update agree to a percent.
precision=fp32 cheap=()
grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo && precision=bf16 cheap=(--bf16)

cd "$out"
ln -sfn "$pool" pool
ln -sfn "$data" data
mkdir -p lists batches.1 batches.2
python=$out/teacher/bin/python
if ! "$python" -c 'import numpy, scipy, torch, transformers' 2>/dev/null; then
  python3 -m venv teacher
  teacher/bin/pip install --quiet -r "$root/scripts/requirements-teacher.txt"
fi

# teach STAGE NAME COLLECTION COUNT WORDS: no stage has a batch of another one.
teach() {
  [[ -f batches.$1/$2.jsonl ]] || "$python" "$root/scripts/teacher_batches.py" --collection "$3" --held-out "$held_out" --teacher mpnet --store vectors \
    --real-share .5 --batches "$4" --passages 16 --questions 40 --words "$5" --seed $((10 + $1)) "${cheap[@]}" --output "batches.$1/$2.jsonl"
}
for set in msmarco_qna=240 dl21_more=120 nq=180 dl22=120; do
  teach 1 "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}" 80
done
for name in scifact nfcorpus; do
  teach 1 $name dir=data/$name,queries=train 120 80
done
if ((stage > 1)); then
  for set in msmarco_qna=200 dl21_more=100 dl22=80 nq=100 flag_scored=40 wikiqa=40 mediqa=30; do
    teach 2 "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}" 80
  done
  for name in scifact nfcorpus; do
    teach 2 $name dir=data/$name,queries=train 60 110
  done
fi

# What is known, and rankings of the held-out questions.
for set in hotpotqa=2 twowiki=2 musique_more=4 climate_fever=2 nq=1 msmarco_qna=1; do
  name=${set%=*}
  [[ -f lists/$name.jsonl ]] || "$python" "$root/scripts/teacher_lists.py" --set "pool/$name" --held-out "$held_out" --teacher none --store vectors \
    --near 0 --rounds "${set#*=}" --questions 1 --run "lists/$name.held-out.trec" --targets "lists/$name.jsonl"
done

# Two processes with a batch each, since one cannot fill two cores.
align=("$headwise" align --config "$settings" --from "$start" --precision "$precision" --trunk-cache trunk --output "adapter.$stage"
  --threads $((($(nproc) + 1) / 2)) --workers 2 "$@")
"${align[@]}" --worker 1 &
"${align[@]}" --worker 0
wait $!
