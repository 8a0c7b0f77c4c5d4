#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: headwise contributors
#
# Everything that is to be found out on a card, in under nine minutes: correctness, compute-sanitizer, speed, torch beside it.
#
#     bench/gpu/run.sh PACK OUT          on a machine with a card; PACK is what bench/gpu/pack.py made
#     bench/gpu/run.sh --dry PACK OUT    on a device of plain memory, with tiny shapes: finds mistakes in this script
#
# OUT gets one JSON file with the card's name, and the logs. Needs nvcc only where the library in PACK does not load, Python
# with torch and transformers only for their part. A step that fails is named, and the others go on.
set -u

dry=
if [ "${1-}" = --dry ]; then dry=--dry; shift; fi
if [ $# -ne 2 ]; then echo "run.sh [--dry] PACK OUT" >&2; exit 2; fi
pack=$(cd "$1" && pwd) || exit 2
mkdir -p "$2" && out=$(cd "$2" && pwd) || exit 2
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-python3}
work=$(mktemp -d) || exit 2
trap 'rm -rf "$work"' EXIT
begun=$SECONDS
steps=
status=0

# step NAME SECONDS COMMAND...: stdout to NAME.json, stderr to OUT/NAME.log.
step() {
  local name=$1 limit=$2; shift 2
  timeout "$limit" "$@" > "$work/$name.json" 2> "$out/$name.log"
  local code=$?
  steps="$steps${steps:+, }\"$name\": $code"
  [ $code -eq 0 ] || { status=1; echo "run.sh: $name: exit status $code; $(tail -n 1 "$out/$name.log")" >&2; }
  echo "run.sh: $name took until second $((SECONDS - begun))" >&2
  return $code
}

gpu=$pack/headwise_gpu
models=$root/tests/data/golden/models
tiny="tiny-llama tiny-llama-yarn tiny-llama-q8_0.gguf tiny-mistral-window tiny-qwen2 tiny-qwen3 tiny-gemma2 tiny-gemma3
      tiny-olmo2 tiny-smollm3 tiny-granite tiny-phi3"
families=()
for name in $tiny; do families+=("$models/$name"); done

# cuBLASLt and cudart of the system, or of torch's wheels.
libraries=$("$python" -c 'import glob, sysconfig; print(":".join(glob.glob(sysconfig.get_path("purelib") + "/nvidia/*/lib")))' 2> "$out/python.log")
export LD_LIBRARY_PATH="$pack/lib:${LD_LIBRARY_PATH-}${libraries:+:$libraries}:/usr/local/cuda/lib64"
export HEADWISE_CUDA_LIBRARY="$pack/libheadwise_cuda.so"

if [ -n "$dry" ]; then
  export HEADWISE_CUDA_LIBRARY="$pack/libheadwise_cuda_fake.so"
  shapes=tiny
else
  shapes="qwen3-0.6b qwen3-4b llama-8b"
  if ! step probe 60 "$gpu" check "$models/tiny-llama"; then
    # Built elsewhere, it may not load here: this machine's nvcc makes one of its own.
    export HEADWISE_CUDA_LIBRARY="$work/libheadwise_cuda.so"
    step build 200 "$root/bench/gpu/build_library.sh" "$HEADWISE_CUDA_LIBRARY"
  fi
fi

[ -n "$dry" ] || families+=("$pack/smollm2-12.gguf")
step check 120 "$gpu" check "${families[@]}"
if [ -z "$dry" ] && command -v compute-sanitizer > /dev/null; then
  for tool in memcheck racecheck; do
    step "$tool" 60 compute-sanitizer --tool "$tool" --error-exitcode 9 "$gpu" check "$models/tiny-qwen3"
  done
fi
for shape in $shapes; do step "speed-$shape" 100 "$gpu" speed "$shape" $dry; done
if "$python" -c 'import torch, transformers' 2>> "$out/python.log"; then
  step torch 150 "$python" "$root/bench/gpu/torch_sdpa.py" $(for shape in $shapes; do echo "$work/speed-$shape.json"; done) $dry
fi
echo "{$steps}" > "$work/steps.json"
"$python" "$root/bench/gpu/report.py" "$work" "$out/gpu.json" || status=1
exit $status
