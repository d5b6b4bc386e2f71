#!/usr/bin/env bash
# From images to the bundled model: degraded copies, what the teachers say, a strong teacher, the
# small student, its file, and the table of peers.
#
#     bash recipes/bundled.sh [../shared/data] [runs/bundled]
#
# About two hours on two cores; stopped and run again, it goes on where it was. On a GPU:
# SET=run.bf16=true. Exit code 3 of a verb says that some rows failed; their rows say why.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/bundled}
python=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt lfw/faceqnet_v1_scores.csv \
  pins/aligned models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt \
  models/lightqnet-dm100.pb models/yunet.onnx rmfd yaleb models/landmarks68.onnx \
  models/expression.onnx
fiqa() { "$python" -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out"

# Images: LFW's people for development and pins, clean and four degraded copies of each, with their
# factors; pictures without a face.
[ -f "$out/factors.parquet" ] || "$python" "$here"/bundled_copies.py "$data" "$out"

# What the teachers say: the mated similarities of two recognizers. B, which is slow, sees the clean
# images alone; LightQNet helps to guess the rest.
"$python" "$here"/splits.py "$data" "$out"
"$python" "$here"/bundled.py choose "$out"
fiqa embed "$out/taught.txt" --recognizer "$out/recognizer_a.onnx" -o "$out/a.npz"
fiqa embed "$out/clean.txt" --recognizer "$out/recognizer_b.onnx" -o "$out/b.npz"
fiqa score "$out/taught.txt" --aligned --model "$data/models/lightqnet-dm100.pb" \
  -o "$out/lightqnet.parquet"
"$python" "$here"/bundled.py targets "$out" labels_teacher.parquet

# The teacher, and what it says of every image.
common=(--set "data.faces=$out/faces" --set "data.cache=$out/crops" ${SET:+--set "$SET"})
fiqa train "$here"/bundled_teacher.toml --set "data.labels=$out/labels_teacher.parquet" \
  --set "model.weights=$data/models/recognizer_a.pt" \
  "${common[@]}" -o "$out/teacher"
fiqa export "$out/teacher" --name fiqa-teacher -o "$out/models/teacher.onnx"
fiqa score "$out/faces" --aligned --model "$out/models/teacher.onnx" -o "$out/teacher.parquet"
"$python" "$here"/bundled.py distil "$out" labels_student.parquet teacher.parquet

# The student begins with the teacher's layers at half the resolution.
"$python" "$here"/bundled.py start "$out/teacher" "$out/start.safetensors"
student() {
  fiqa train "$here"/bundled.toml --set "model.weights=$out/$1.safetensors" \
    --set "data.labels=$out/labels_$2.parquet" --set "data.factors=$out/factors.parquet" \
    "${common[@]}" "${@:3}" \
    -o "$out/$2"
}
student start student

# A second teacher: the same network by LightQNet's loss, on clean faces alone. The student goes on
# for an epoch with what both say.
FORMS=network bash "$here"/peers.sh "$data" "$out/trained_peers" lightqnet
fiqa score "$out/faces" --aligned --model "$out/trained_peers/lightqnet_network.onnx" \
  -o "$out/second.parquet"
"$python" "$here"/bundled.py distil "$out" labels_both.parquet teacher.parquet second.parquet
"$python" "$here"/bundled.py start "$out/student" "$out/student.safetensors"
student student both --set optim.epochs=1

# Its file with its card, and the table that it has to win.
fiqa export "$out/both" --name fiqa -o "$out/fiqa.onnx"
fiqa score "$out/clean.txt" --aligned --model "$out/fiqa.onnx" -o "$out/fiqa_clean.parquet"
# src/fiqa/weights in place of the last word ships it.
"$python" "$here"/bundled.py ship "$out" "$out/package"

# Why a score is low: heads on the frozen network, from drawn damage, real masks and real light, with
# their table of people left out. About 20 minutes of one core; each part says how long it took.
[ -f "$out/reasons/reasons.npz" ] ||
  "$python" "$here"/reasons_data.py "$data" "$out/reasons" "$out/package/fiqa.onnx"
"$python" "$here"/reasons.py fit "$data" "$out/reasons" "$out/package"
"$python" "$here"/reasons.py ship "$data" "$out/reasons" "$out/package"
"$python" "$here"/bundled_peers.py "$data" "$out/peers" "fiqa=$out/fiqa.onnx" \
  "teacher=$out/models/teacher.onnx" "second=$out/trained_peers/lightqnet_network.onnx"
