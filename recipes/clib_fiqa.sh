#!/usr/bin/env bash
# CLIB-FIQA in its offline form, from images to the ablation table: labels, two-stage training,
# confidence, curves on people and damage it has not seen.
#
#     bash recipes/clib_fiqa.sh [../shared/data] [runs/bundled] [runs/peers] [runs/clib_fiqa]
#
# The paper's tables and figures of it: Tables 1 to 4, Figures 3 to 5.
#
# It takes the degraded copies and recognizer A's vectors of them that recipes/bundled.sh makes, and
# the test sets of recipes/bundled_peers.py. Stopped and run again, it goes on where it was.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
bundled=${2:-runs/bundled}
peers=${3:-runs/peers}
out=${4:-runs/clib_fiqa}
python=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/yunet.onnx models/recognizer_a.pt

# Images, half of them degraded, with the landmarks that pose and expression are read from; quality
# anchors and factor labels.
[ -f "$out/faces.parquet" ] || $python "$here"/clib_fiqa.py prepare "$data" "$bundled" "$out"
$python -m fiqa label clib_fiqa --faces "$out/faces.parquet" --embeddings "$bundled/a.npz" \
  -o "$out/labels.parquet"

# Eight scores from seven runs; the last of them is recipes/clib_fiqa.toml as it stands.
$python "$here"/clib_fiqa.py ablation "$out" "$data/models/recognizer_a.pt"

# What they are worth, and what the confidence is lowest for.
$python "$here"/clib_fiqa.py table "$peers" "$out"
$python "$here"/clib_fiqa.py pictures "$out"

# Tables 1 to 3, and Figures 3 (curves of every set and recognizer) and 5 (how the scores without
# factors, of the factors alone and of the whole lie and agree).
$python "$here"/clib_fiqa.py sets "$peers" "$out"
$python -m fiqa tables clib --data-set "$out/sets/clean" --data-set "$out/sets/degraded" \
  --draws 200 -o "$out/tables"

# Figure 4: other values of beta and other first stages, 30 runs more.
$python "$here"/clib_fiqa_sweeps.py "$peers" "$out" "$data/models/recognizer_a.pt"

# Does the second stage help where occlusion and expression were learned from real masks and from a
# trained classifier? Six runs.
[ -f "$out/seen/labels.parquet" ] || $python "$here"/clib_fiqa.py relabel "$out" "$out/seen"
$python "$here"/clib_fiqa_sweeps.py "$peers" "$out/seen" "$data/models/recognizer_a.pt" calibration
