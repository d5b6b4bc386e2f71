#!/usr/bin/env bash
# What each teacher would be worth to the bundled model: the same small network, the same images (a
# fifth of the people), one epoch, labels by some of the teachers. It begins with recognizer A's
# layers, not with those of the bundled model's teacher.
#
#     bash recipes/bundled_ablation.sh [../shared/data] [runs/bundled]
#
# After recipes/bundled.sh has made the images and the embeddings; three minutes a run on one core.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/bundled}
python=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt lfw/faceqnet_v1_scores.csv \
  models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt \
  models/lightqnet-dm100.pb yaleb
fiqa() { "$python" -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out/ablation"
fiqa label label_optimization --embeddings "$out/a.npz" --prior "$out/lightqnet.parquet" \
  --set rank_scale=unit --set theta=0.3 \
  -o "$out/lightqnet_optimized.parquet"
"$python" "$here"/bundled.py start "$data/models/recognizer_a.pt" "$out/ablation/start.safetensors"
models=()
run() {
  "$python" "$here"/bundled.py targets "$out" "ablation/$1.parquet" "${@:2}"
  "$python" "$here"/bundled.py some "$out" "ablation/$1.parquet"
  fiqa train "$here"/bundled.toml --set "data.faces=$out/faces" \
    --set "data.labels=$out/ablation/$1.parquet" --set "data.factors=$out/factors.parquet" \
    --set "model.weights=$out/ablation/start.safetensors" --set optim.epochs=1 \
    --set "data.cache=$out/crops" -o "$out/ablation/$1"
  fiqa export "$out/ablation/$1" -o "$out/ablation/models/$1.onnx" --runs 5
  models+=("$1=$out/ablation/models/$1.onnx")
}
run all lightqnet=1.5 norm_a=0.5 norm_b=0.5 similarity_a=1 similarity_b=1
run lightqnet lightqnet=1
run norms norm_a=1 norm_b=1
run similarities similarity_a=1 similarity_b=1
run recognizer_a norm_a=1 similarity_a=1
"$python" "$here"/bundled_peers.py "$data" "$out/peers" "${models[@]}"
