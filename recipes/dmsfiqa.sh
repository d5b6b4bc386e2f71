#!/usr/bin/env bash
# DmsFIQA from images to a scored test set: coarse labels by a judge, fine labels by likeness to a
# template, a student, and the paper's tables of it.
#
#     bash recipes/dmsfiqa.sh [../shared/data] [runs/dmsfiqa] [EVERY]
#
# EVERY (default 1) learns from every k-th image of each person alone.
#
# recipes/dmsfiqa.toml has the paper's settings: 256 pixels, 50 epochs. On two cores that takes
# a night or days, so this script learns with the smaller network at 112 pixels for 3 epochs, in
# smaller batches at ten times the rate; with `QUICK= bash recipes/dmsfiqa.sh` the paper's settings
# stay, and QUICK="--set ..." changes some of them (docs/guides/train.md has those that one core
# learns with in 85 minutes at the paper's size).
# `START=fiqa` is the student that is worth something after minutes: it starts where the shipped
# network ends (recipes/finetune.toml), with the loss of recipes/dmsfiqa.toml. Stopped and run
# again, it goes on where it was, over as many nights as it takes. JUDGES (default analytic) are the
# judges of the labels: `JUDGES=fiqa` is the shipped network.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/dmsfiqa}
every=${3:-1}
quick="--set model.backbone=mobilenet_v3_small --set data.size=112 --set optim.epochs=3"
quick="$quick --set optim.batch=64 --set optim.warmup=0.3 --set optim.lr=1e-3"
recipe=$here/dmsfiqa.toml
read -ra settings <<< "${QUICK-$quick}"
judges=${JUDGES:-analytic}
py=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/recognizer_a.onnx models/recognizer_b.onnx models/lightqnet-dm100.pb
fiqa() { $py -m fiqa "$@" || [ $? -eq 3 ]; }
if [ "${START:-}" = fiqa ]; then
  shared=$($py "$here"/dmsfiqa.py shared "$recipe")
  read -ra settings <<< "$shared --set optim.epochs=3 --set run.select=[\"spearman_middle\"]"
  recipe=$here/finetune.toml
fi

# Images: LFW's people for development and pins to learn from, LFW's people for the test, and
# recognizers. The data are aligned crops; from photographs it is `fiqa align`, which also gives the
# landmarks that the judge reads pose from.
$py "$here"/splits.py "$data" "$out" --every "$every"
for part in train test; do
  fiqa embed "$out/$part.csv" --recognizer "$out/recognizer_a.onnx" -o "$out/${part}_a.npz"
done
fiqa embed "$out/test.csv" --recognizer "$out/recognizer_b.onnx" -o "$out/test_b.npz"

# Labels: levels by the judges (the paper's two need a GPU: JUDGES=clip,blip2), then the order
# inside each level by likeness to one template per person, which the tool proposes. The
# test is labeled with the levels' thresholds of the training images, to see whether the student has
# learned them.
label() { fiqa label dmsfiqa --faces "$out/$1.csv" --embeddings "$out/$1_a.npz" \
  --set "judges=$judges" -o "$out/$1_labels.parquet" "${@:2}"; }
label train
label test --set "thresholds=$($py "$here"/dmsfiqa.py thresholds "$out/train_labels.parquet")"

# The student, as files that run anywhere: fp32, and int8 if it holds order, spread and discard
# curve on the people that were held out of training. A student whose scores have collapsed is no
# model: its export is refused, and what follows comes without it.
fiqa train "$recipe" --set "data.faces=$out/train.csv" \
  --set "data.labels=$out/train_labels.parquet" "${settings[@]}" -o "$out/student"
names=()
qualities=()
score() {
  fiqa score "$out/test.csv" --aligned --model "$2" -o "$out/$1.parquet"
  names+=("$1")
  qualities+=(--quality "$1=$out/$1.parquet")
}
if fiqa export "$out/student" -o "$out/models/student.onnx" --metric spearman_middle; then
  fiqa export "$out/student" -o "$out/student_int8.onnx" --metric spearman_middle --int8 \
    --embeddings "$out/train_a.npz" || echo "no int8 model"
  score student "$out/models/student.onnx"
else
  echo "no student in the tables and the report: its export was refused, the lines above say why" >&2
fi

# A scored test set, and beside the student what it may have learned from (the judges that are in
# the package) and a peer.
score analytic analytic
score fiqa fiqa
score lightqnet "$data/models/lightqnet-dm100.pb"

# Tables 4 (agreement, spread) and 5 (verification under filtering), on the student's own 0..1
# scale, which is that of its labels, with intervals over people; each score stands beside the
# student person by person.
vectors=(--embeddings "$out/test_a.npz" --embeddings "$out/test_b.npz" --faces "$out/test.csv")
fiqa tables dms "${qualities[@]}" "${vectors[@]}" --target "$out/test_labels.parquet" \
  --draws 200 -o "$out/tables"
# How far each orders the images inside a person, beside the judge. Then discard curves under the
# recognizer that made the labels and under another.
$py "$here"/dmsfiqa.py inside "$out" "${names[@]}" | tee "$out/inside.md"
fiqa evaluate "${qualities[@]}" --quality "labels=$out/test_labels.parquet" "${vectors[@]}" \
  --fmr 1e-3 -o "$out/report"
