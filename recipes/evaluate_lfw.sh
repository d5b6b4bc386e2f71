#!/usr/bin/env bash
# Which score helps which recognizer? All pairs of the 1,711 people of LFW's peopleDevTest, two
# recognizers, eight qualities, random and oracle.
#
#     bash recipes/evaluate_lfw.sh [../shared/data] [report/lfw]
#
# About 5 minutes on two cores. Stopped and run again, it goes on where it was. The page is
# report/lfw/all/index.html.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-report/lfw}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTest.txt lfw/faceqnet_v1_scores.csv models/recognizer_a.onnx \
  models/recognizer_b.onnx models/lightqnet-dm025.pb models/lightqnet-dm050.pb \
  models/lightqnet-dm100.pb
fiqa() { ${PYTHON:-python} -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out/models"

# Which images, and who is on them.
faces=$out/faces.csv
{
  echo path,id,identity
  tail -n +2 "$data/lfw/peopleDevTest.txt" | cut -f1 | while read -r name; do
    for crop in "$data/lfw/aligned/$name"/*.jpg; do
      file=${crop##*/}
      echo "$crop,$name/${file%.jpg},$name"
    done
  done
} > "$faces"

# The two recognizers, each with the card that says how its pixels are scaled, and their vectors.
cp -n "$data"/models/recognizer_[ab].onnx "$out/models/" 2>/dev/null || true
[ -f "$out/models/recognizer_a.json" ] || fiqa weights card "$out/models/recognizer_a.onnx" \
  --kind recognizer --color RGB \
  --mean .485,.456,.406 --std .229,.224,.225 --license Apache-2.0 --source foamliu/MobileFaceNet \
  --training-data MS1M
[ -f "$out/models/recognizer_b.json" ] || fiqa weights card "$out/models/recognizer_b.onnx" \
  --kind recognizer --color RGB \
  --mean .5 --std .5 --license MIT --source bubbliiiing/arcface-pytorch \
  --training-data CASIA-WebFace
for r in a b; do
  fiqa embed "$faces" --recognizer "$out/models/recognizer_$r.onnx" -o "$out/recognizer_$r.npz"
done

# Scores. LightQNet is a peer with published weights; FaceQnet's scores are a file that its authors
# published, and they lack nine of these images.
for model in analytic laplacian; do
  fiqa score "$faces" --aligned --model "$model" -o "$out/$model.parquet"
done
for width in 025 050 100; do
  fiqa score "$faces" --aligned --model "$data/models/lightqnet-dm$width.pb" \
    -o "$out/lightqnet-dm$width.parquet"
done

# Curves. All numbers of a run are of the images that every quality has, so FaceQnet has a run of
# its own: in the first, all 3,708 images count.
evaluate() {
  fiqa evaluate --quality "$out/analytic.parquet" --quality "$out/laplacian.parquet" \
    --quality "$out/lightqnet-dm025.parquet" \
    --quality "$out/lightqnet-dm050.parquet" --quality "$out/lightqnet-dm100.parquet" \
    --quality norm \
    --embeddings "$out/recognizer_a.npz" --embeddings "$out/recognizer_b.npz" --faces "$faces" \
    --fmr 1e-3 "$@"
}
evaluate -o "$out/all"
evaluate --quality "faceqnet=$data/lfw/faceqnet_v1_scores.csv" -o "$out/with_faceqnet"

# Where to cut: the score below which to reject, for an FNMR of 1 % at an FMR of 0.1 %.
fiqa threshold --quality "$out/lightqnet-dm100.parquet" --embeddings "$out/recognizer_a.npz" \
  --faces "$faces" --fmr 1e-3 --fnmr 0.01 -o "$out/cut.json" --html "$out/cut.html"
fiqa threshold --quality "$out/analytic.parquet" --embeddings "$out/recognizer_a.npz" \
  --faces "$faces" --fmr 1e-3 --coverage 0.9 -o "$out/cut90.json"
