#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Trains adapters for passages that are kept: questions of a training pool and of two collections' training queries, in stages that go on from
# each other. Stages 1 and whole.1 begin with what models/recipes/train_default.sh makes first (OUT/anneal there), 2, 3, whole.2 and whole.3 with what
# the stage before made. 1, 2 and 3 train the layers above a join, the whole ones all layers, without a join. Their settings are
# models/smollm2-135m-instruct/reader.STAGE.toml. A batch is 16 passages and 32 or 40 questions with mpnet's scores of each pair: its passages are
# most of what it costs. From stage 3 on only questions are asked that have a passage near: of the 40 half had none, and of them the teacher's order
# says little. What is kept in the tree is stage 2's (reader; stage 3 was level with it on held-out questions) and whole.2's (adapter, what ships; whole.3
# was level with it).
# Questions of several steps come in lists of one question, with what is known and what the frozen model says. Goes on where it stopped, at the same
# command. Some 700 updates an hour on 2 cores with bf16, 1,000 in stage 3, 600 of all layers; the teacher's part is 20 minutes a stage.
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
mkdir -p lists
python=$out/teacher/bin/python
if ! "$python" -c 'import numpy, scipy, torch, transformers' 2>/dev/null; then
  python3 -m venv teacher
  teacher/bin/pip install --quiet -r "$root/scripts/requirements-teacher.txt"
fi

# teach FOLDER SEED NAME COLLECTION COUNT WORDS [FLAG...]
teach() {
  local file=$1/$3.jsonl
  mkdir -p "$1"
  [[ -f $file ]] || "$python" "$root/scripts/teacher_batches.py" --collection "$4" --held-out "$held_out" --teacher mpnet --store vectors \
    --real-share .5 --batches "$5" --passages 16 --questions 40 --words "$6" --seed "$2" "${cheap[@]}" --output "$file" "${@:7}"
}
# Of stage 1 and of stage 2: teach_1 FOLDER [FLAG...]. No stage has a batch of another one.
teach_1() {
  for set in msmarco_qna=240 dl21_more=120 nq=180 dl22=120; do
    teach "$1" 11 "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}" 80 "${@:2}"
  done
  for name in scifact nfcorpus; do
    teach "$1" 11 $name dir=data/$name,queries=train 120 80 "${@:2}"
  done
}
teach_2() {
  for set in msmarco_qna=200 dl21_more=100 dl22=80 nq=100 flag_scored=40 wikiqa=40 mediqa=30; do
    teach "$1" 12 "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}" 80 "${@:2}"
  done
  for name in scifact nfcorpus; do
    teach "$1" 12 $name dir=data/$name,queries=train 60 110 "${@:2}"
  done
}
near=(--near .45)
# teach_new FOLDER SEED SET=COUNT... -- COLLECTION=COUNT...: of the pool and of the two collections' training queries, each batch from one question on.
teach_new() {
  local folder=$1 seed=$2 from=pool queries=all words=80 set
  shift 2
  for set in "$@"; do
    if [[ $set == -- ]]; then
      from=data queries=train words=100
      continue
    fi
    teach "$folder" "$seed" "${set%=*}" "dir=$from/${set%=*},queries=$queries" "${set#*=}" "$words" "${near[@]}" --seeded 1 --real-share .6 \
      --questions 32
  done
}
teach_4() {
  teach_new near.4 31 msmarco_qna=220 nq=150 dl21_more=120 dl22=130 wikiqa=70 realtimeqa=70 covidqa=50 pubmedqa=50 fiqa=45 squad_part=40 boolq=40 \
    mediqa=40 climate_fever=30 flag_scored=25 expertqa=25 clapnq=20 -- scifact=90 nfcorpus=110
}
case $stage in
  1) teach_1 batches.1 ;;
  2) teach_1 batches.1 && teach_2 batches.2 ;;
  whole.2) teach_4 ;;
  whole.3)
    teach_4
    teach_new near.5 37 msmarco_qna=160 nq=100 climate_fever=60 covidqa=40 pubmedqa=40 dl22=60 -- scifact=180 nfcorpus=110
    mkdir -p near.45
    for file in near.4/*.jsonl; do
      both=("$file")
      [[ -f near.5/${file##*/} ]] && both+=("near.5/${file##*/}")
      cat "${both[@]}" > "near.45/${file##*/}"
    done
    ;;
  *)
    teach_1 near.1 "${near[@]}"
    teach_2 near.2 "${near[@]}"
    for set in msmarco_qna=140 nq=140 wikiqa=80 dl21_more=50 dl22=60 squad_part=60 boolq=50 realtimeqa=60 clapnq=30 covidqa=40 fiqa=40 \
      expertqa=20 pubmedqa=30 climate_fever=20 flag_scored=25 mediqa=20; do
      teach near.3 13 "${set%=*}" "dir=pool/${set%=*},queries=all" "${set#*=}" 80 "${near[@]}" --seeded 1 --real-share .6 --questions 32
    done
    ;;
esac

# What is known, and rankings of the held-out questions.
for set in hotpotqa=2 twowiki=2 musique_more=4 climate_fever=2 nq=1 msmarco_qna=1 hover=1; do
  name=${set%=*}
  [[ -f lists/$name.jsonl ]] || "$python" "$root/scripts/teacher_lists.py" --set "pool/$name" --held-out "$held_out" --teacher none --store vectors \
    --near 0 --rounds "${set#*=}" --questions 1 --run "lists/$name.held-out.trec" --targets "lists/$name.jsonl"
done

# Two processes with a batch each, since one cannot fill two cores.
align=("$headwise" align --config "$settings" --from "$start" --precision "$precision" --output "adapter.$stage"
  --threads $((($(nproc) + 1) / 2)) --workers 2 "$@")
"${align[@]}" --worker 1 &
"${align[@]}" --worker 0
wait $!
