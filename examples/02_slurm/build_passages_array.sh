#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# One task of a Slurm job array: its shard of a collection, encoded into the store KEEP of kept passages (docs/python.md
# #many-machines). KEEP is redis://host:port/db, or, where all tasks run on one machine, a folder.
#   sbatch --array=1-64 build_passages_array.sh CORPUS KEEP [FLAGS OF headwise passages build...]
# A task that is killed (no memory left, a node that goes down) is queued again; what it kept costs no encoding then.
#SBATCH --job-name=headwise
#SBATCH --requeue
#SBATCH --open-mode=append
set -euo pipefail

if [[ $# -lt 2 || -z ${SLURM_ARRAY_TASK_ID:-} ]]; then
  echo "usage: sbatch --array=1-N ${0##*/} CORPUS KEEP [FLAGS OF headwise passages build...]" >&2
  exit 2
fi
corpus=$1 keep=$2
shift 2
shard=$((SLURM_ARRAY_TASK_ID - SLURM_ARRAY_TASK_MIN + 1))

status=0
"${HEADWISE:-headwise}" passages build --corpus "$corpus" --keep "$keep" --shard "$shard/$SLURM_ARRAY_TASK_COUNT" \
  --threads "${SLURM_CPUS_PER_TASK:-1}" --json "$@" || status=$?

most_restarts=3
if [[ $status -eq 137 && ${SLURM_RESTART_COUNT:-0} -lt $most_restarts ]]; then  # 128 + SIGKILL
  scontrol requeue "${SLURM_ARRAY_JOB_ID}_$SLURM_ARRAY_TASK_ID"
fi
exit "$status"
