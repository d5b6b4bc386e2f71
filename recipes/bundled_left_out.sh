#!/usr/bin/env bash
# What the small bundled model does with damage that it has not learned: two kinds are left out of
# the training, and the faces of the test are degraded by these two alone.
#
#     bash recipes/bundled_left_out.sh [../shared/data] [runs/left_out]
#
# A smaller training than that of recipes/bundled.sh, all for comparing: PART (default 10) takes
# every tenth person, the labels are the similarities under A and B, the network begins with
# recognizer A's layers and learns for two epochs. The one that knows all kinds has three seeds,
# which show what is chance. An hour on one core; stopped and run again, it goes on where it was.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/left_out}
python=${PYTHON:-python}
part=${PART:-10}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt \
  models/lightqnet-dm100.pb models/yunet.onnx
fiqa() { "$python" -m fiqa "$@" || [ $? -eq 3 ]; }
same_part "$part" "$out"
pairs=("mask hand" "side_light glare" "motion low_resolution" "noise jpeg")

# images FOLDER KIND...: crops and copies without these kinds, and their labels.
images() {
  local at=$1 without=()
  [ $# -eq 1 ] || without=(--without "${@:2}")
  [ -f "$at/factors.parquet" ] || "$python" "$here"/bundled_copies.py "$data" "$at" \
    --part "$part" ${without[@]+"${without[@]}"}
  "$python" "$here"/splits.py "$data" "$at" --part "$part"
  "$python" "$here"/bundled.py choose "$at"
  fiqa embed "$at/taught.txt" --recognizer "$at/recognizer_a.onnx" -o "$at/a.npz"
  fiqa embed "$at/clean.txt" --recognizer "$at/recognizer_b.onnx" -o "$at/b.npz"
  fiqa score "$at/taught.txt" --aligned --model "$data/models/lightqnet-dm100.pb" \
    -o "$at/lightqnet.parquet"
  "$python" "$here"/bundled.py targets "$at" labels.parquet
  "$python" "$here"/bundled.py start "$data/models/recognizer_a.pt" "$at/start.safetensors"
}

# learn FOLDER SEED: a model from them.
learn() {
  fiqa train "$here"/bundled.toml --set "data.faces=$1/faces" \
    --set "data.labels=$1/labels.parquet" --set "data.factors=$1/factors.parquet" \
    --set "data.cache=$1/crops" --set "seed=$2" \
    --set "model.weights=$1/start.safetensors" ${SET:+--set "$SET"} -o "$1/run.$2"
  fiqa export "$1/run.$2" -o "$1/model.$2.onnx" --runs 5
}

images "$out/all"
known=()
for seed in 0 1 2; do
  learn "$out/all" "$seed"
  known+=("all_$seed=$out/all/model.$seed.onnx")
done
for pair in "${pairs[@]}"; do
  read -ra kinds <<< "$pair"
  at=$out/without_${pair// /_}
  images "$at" "${kinds[@]}" >&2
  learn "$at" 0 >&2
  "$python" "$here"/bundled_left_out.py "$data" "$out/test_${pair// /_}" "${kinds[@]}" -- \
    "${known[@]}" "without=$at/model.0.onnx" fiqa=fiqa
done | tee "$out/tables.md"
