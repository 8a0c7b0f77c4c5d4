#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains the default model's adapter on from what ships, with the questions of a training pool, for passages that are kept: template
# blocks-short, rows that see no passages below layer 10. Goes on where it stopped, at the same command; keep OUT where it outlasts the
# machine. Days on 2 cores beside other work (start it with nice and chrt), so it is one stage after the other:
#   labels lists of one question each, of the sets that have labels and no teacher: 1,800 updates
#   first  3,000 updates on these and on the batches of SETS below, whose data is made before the others'
#   all    8,000 more on all sets of models/training/sets.tsv, the learning rate down to nothing
# A batch is 16 passages and 40 questions with mpnet's scores of each pair: its passages are most of what it costs. A list of one question has 12
# pairs where a batch has 640, and 1,800 updates of lists alone moved no question of the web; 480 with batches of 16 questions did.
#   models/recipes/train_reader.sh POOL OUT [DEVICE]
# What the frozen layers make of each passage is kept, too (OUT/trunk, a fifth of a megabyte each): they run once.
# Held-out questions (models/training/held_out.tsv) say which update is kept; OUT/STAGE/log.jsonl has the curve.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
pool=$(realpath "$1")
mkdir -p "$2"
out=$(realpath "$2")
device=${3:-cpu}
# Products in bf16 halve the time on a CPU that has them; the losses of an update agree to a percent.
precision=fp32 cheap=()
[[ $device == cuda* ]] && precision=tf32
[[ $device == cpu ]] && grep -qE 'avx512_bf16|amx_bf16' /proc/cpuinfo && precision=bf16 cheap=(--bf16)
LABELS=hotpotqa,twowiki,musique_more,hover,clapnq,boolq,pubmedqa,covidqa,squad_part,climate_fever
SETS=$LABELS,msmarco_qna,dl21_more,dl22,flag_scored,nq
training=$root/models/training
python=$out/teacher/bin/python
headwise=${HEADWISE:-$root/build/release/headwise}

if ! "$python" -c 'import numpy, scipy, torch, transformers' 2>/dev/null; then
  python3 -m venv "$out/teacher"
  "$out/teacher/bin/pip" install --quiet -r "$root/scripts/requirements-teacher.txt"
fi
mkdir -p "$out/lists" "$out/batches"

# data SETS: lists (and rankings of the held-out questions) of each, batches of those that have a teacher, once
data() {
  local name kind teacher temperature bonus frozen near rounds batches
  while IFS=$'\t' read -r name kind teacher temperature bonus frozen near rounds batches; do
    [[ ",$1," == *",$name,"* ]] || continue
    [[ -f $out/lists/$name.jsonl ]] ||
      "$python" "$root/scripts/teacher_lists.py" --set "$pool/$name" --held-out "$training/held_out.tsv" --teacher "$teacher" --store "$out/vectors" \
        --device "$device" --near "$near" --rounds "$rounds" --questions 1 "${cheap[@]}" --run "$out/lists/$name.held-out.trec" \
        --targets "$out/lists/$name.jsonl"
    [[ $batches == 0 || -f $out/batches/$name.jsonl ]] ||
      "$python" "$root/scripts/teacher_batches.py" --collection "dir=$pool/$name,queries=all" --held-out "$training/held_out.tsv" --teacher "$teacher" \
        --store "$out/vectors" --device "$device" --real-share .5 --batches "$batches" --passages 16 --questions 40 --words 80 --seed 7 "${cheap[@]}" \
        --output "$out/batches/$name.jsonl"
  done < <(tail -n +2 "$training/sets.tsv")
}

# stage NAME FROM SETS UPDATES RATE FLOOR: two batches an update; on a CPU by two processes, since one cannot fill two cores
stage() {
  { cat "$training/reader.toml"
    python3 "$root/scripts/pool_mix.py" --sets "$training/sets.tsv" --only "$3" --pool "$pool" --lists "$out/lists" \
      --batches "$out/batches" "${kinds[@]}"; } > "$out/$1.toml"
  local align=("$headwise" align --config "$out/$1.toml" --from "$2" --updates "$4" --learning-rate "$5" --floor "$6"
    --device "$device" --precision "$precision" --trunk-cache "$out/trunk" --output "$out/$1")
  if [[ $device != cpu ]]; then
    "${align[@]}" --accumulate 2
    return
  fi
  local each=$((($(nproc) + 1) / 2))
  "${align[@]}" --threads "$each" --workers 2 --worker 1 &
  "${align[@]}" --threads "$each" --workers 2 --worker 0
  wait $!
}

data "$LABELS"
kinds=(--kind steps=.4 --kind health=.25 --kind reading=.15 --kind claims=.2)
stage labels "$root/models/smollm2-135m-instruct/adapter" "$LABELS" 1800 2.5e-4 .1
data "$SETS"
kinds=(--kind web=.7 --kind steps=.18 --kind health=.07 --kind reading=.02 --kind claims=.03)
stage first "$out/labels" "$SETS" 3000 4e-4 .05
every=$(tail -n +2 "$training/sets.tsv" | cut -f1 | paste -sd,)
data "$every"
kinds=(--kind web=.6 --kind steps=.18 --kind health=.1 --kind forum=.05 --kind reading=.04 --kind claims=.03)
stage all "$out/first" "$every" 8000 3e-4 .02
