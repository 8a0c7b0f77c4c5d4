#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# One task of a Slurm job array: its shard of a run into PARTS/i.trec. `cat` of the parts in order is the file that one
# process writes (docs/python.md#many-machines).
#   sbatch --array=1-64 rerank_array.sh DATASET RUN PARTS [FLAGS OF headwise rerank...]
# A task that is killed (no memory left, a node that goes down) is queued again and goes on from PARTS/i.trec.partial.
#SBATCH --job-name=headwise
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if [[ $# -lt 3 || -z ${SLURM_ARRAY_TASK_ID:-} ]]; then
  echo "usage: sbatch --array=1-N ${0##*/} DATASET RUN PARTS [FLAGS OF headwise rerank...]" >&2
  exit 2
fi
dataset=$1 run=$2 parts=$3
shift 3
shard=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))
mkdir -p "$parts"

status=0
"${HEADWISE:-headwise}" rerank --dataset "$dataset" --run "$run" --shard "$shard/$SLURM_ARRAY_TASK_COUNT" \
  --output "$parts/$shard.trec" --threads "${SLURM_CPUS_PER_TASK:-1}" "$@" || status=$?

most_restarts=3
if [[ $status -eq 137 && ${SLURM_RESTART_COUNT:-0} -lt $most_restarts ]]; then  # 128 + SIGKILL
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
