#!/usr/bin/env bash
# From images to quality labels without people, and to the curve that says what the labels are
# worth.
#
#     bash recipes/labels.sh [../shared/data] [runs/labels]
#
# 18 minutes on two cores. Stopped and run again, it goes on where it was. Exit code 3 of a verb
# says that some rows failed; their rows say why.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/labels}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/recognizer_a.onnx models/recognizer_b.onnx
fiqa() { ${PYTHON:-python} -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out/baseline" "$out/optimized"

# Which images: the people of LFW that the official protocol gives for development, and the pins
# celebrities. Cards for the two recognizers.
${PYTHON:-python} "$here"/labels.py prepare "$data" "$out"

# Faces and vectors. The data are aligned crops already; from photographs it is `fiqa align` in
# place of `fiqa scan`, which also gives the landmarks that pose and expression are read from (here
# both are missing, and the labels know that). A makes the labels, B will judge them.
faces=$out/faces.parquet
fiqa scan "$out/images.txt" -o "$faces"
for r in a b; do
  fiqa embed "$faces" --recognizer "$out/recognizer_$r.onnx" -o "$out/$r.npz"
done

# Labels: first those that look at the faces, then those that look at the vectors; faceqnet chooses
# each person's best image by the analytic label.
label() { fiqa label "$1" --faces "$faces" --embeddings "$out/a.npz" -o "$out/baseline/$1.parquet" \
  "${@:2}"; }
label analytic
label dmsfiqa
label clib_fiqa
label cr_fiqa
label sdd_fiqa
label faceqnet --prior "$out/baseline/analytic.parquet"
label norm

# Every one of them improved by label optimization, with the paper's settings.
for prior in "$out"/baseline/*.parquet; do
  fiqa label label_optimization --faces "$faces" --embeddings "$out/a.npz" --prior "$prior" \
    -o "$out/optimized/$(basename "$prior")"
done

# What they are worth: discard curves under recognizer B, before and after; agreement between
# methods; best, middle and worst faces by each.
${PYTHON:-python} "$here"/labels.py table "$out"
