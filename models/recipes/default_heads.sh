#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors

# Finds the head set that ships for the default model, or another (FILE), on the training queries alone: models/recipes/head_stores.sh makes
# the stores first. Every data set weighs the same.
#   models/recipes/default_heads.sh DATA STORES [FILE]
set -euo pipefail
data=$1 stores=$2/blocks/train
output=${3:-models/smollm2-135m-instruct/heads.json}
"${HEADWISE:-build/release/headwise}" heads select --method weighted --calibration na --balance stores \
  --store "$stores/dl21" --qrels "$data/dl21/qrels/test.tsv" \
  --store "$stores/musique" --qrels "$data/musique/qrels/test.tsv" \
  --store "$stores/scifact" --qrels "$data/scifact/qrels/train.tsv" \
  --store "$stores/nfcorpus" --qrels "$data/nfcorpus/qrels/train.tsv" --output "$output"
