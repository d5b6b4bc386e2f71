#!/usr/bin/env bash
# The comparison: every method on the same crops (LFW's 1,711 people for the test, clean and
# degraded), under recognizers A and B, by the same protocol.
#
#     bash recipes/compare.sh [../shared/data] [runs/compare]
#
# What other recipes train is made by them, or taken from where they left it: PEERS
# (recipes/peers.sh), CLIB (recipes/clib_fiqa.sh), DMS (recipes/dmsfiqa.sh), BUNDLED
# (recipes/bundled.sh). Hours without these, about an hour and a half of one core with them. Stopped
# and run again, it goes on where it was.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/compare}
py=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt lfw/faceqnet_v1_scores.csv \
  pins/aligned models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt \
  models/lightqnet-dm100.pb models/yunet.onnx yaleb
export PYTHON=$py OMP_NUM_THREADS=1
mkdir -p "$out/models/seeds"

# Test sets, and the recognizer in torch that the probes ask.
$py "$here"/compare.py sets "$data" "$out"
if [ ! -f "$out/recognizer_a.pt" ]; then
  cp "$data/models/recognizer_a.pt" "$out/recognizer_a.pt.new"
  mv "$out/recognizer_a.pt.new" "$out/recognizer_a.pt"
fi
[ -f "$out/recognizer_a.pt.json" ] || $py -m fiqa weights card "$out/recognizer_a.pt" \
  --kind recognizer --color RGB --mean .485,.456,.406 --std .229,.224,.225 \
  --backbone mobilefacenet --embedding 128 --license Apache-2.0

# Trained models: the heads with three seeds, the network form of those whose papers train a
# network, and what other recipes train. LightQNet's loss is not the published network.
if [ -z "${PEERS:-}" ]; then
  SEEDS="0 1 2" bash "$here"/peers.sh "$data" "$out/trained_peers"
  FORMS=network bash "$here"/peers.sh "$data" "$out/trained_peers" ediffiqa cr_fiqa magface \
    sdd_fiqa lightqnet
fi
for file in "${PEERS:-$out/trained_peers}"/*.onnx; do
  name=$(basename "$file" .onnx)
  case $name in recognizer_*) continue ;; *.*) to=models/seeds ;; *) to=models ;; esac
  for end in json onnx; do cp "${file%.onnx}.$end" \
    "$out/$to/${name/#lightqnet/lightqnet_loss}.$end"; done
done
[ -n "${DMS:-}" ] || bash "$here"/dmsfiqa.sh "$data" "$out/dmsfiqa"
for end in json onnx; do cp "${DMS:-$out/dmsfiqa}/student.$end" "$out/models/dmsfiqa.$end"; done
if [ -z "${CLIB:-}" ]; then
  [ -n "${BUNDLED:-}" ] || bash "$here"/bundled.sh "$data" "$out/bundled"
  $py "$here"/bundled_peers.py "$data" "$out/peers" > "$out/peers.md"
  bash "$here"/clib_fiqa.sh "$data" "${BUNDLED:-$out/bundled}" "$out/peers" "$out/clib_fiqa"
fi
$py -m fiqa export "${CLIB:-$out/clib_fiqa}/ablation/with_confidence_calibration" --metric step \
  -o "$out/models/clib_fiqa.onnx"

# Scores, tables and pages, cost, chance; and what label optimization makes of each.
$py "$here"/compare.py scores "$data" "$out"
$py "$here"/compare_labels.py scores "$data" "$out"
for part in "compare tables" "compare cost" "compare seeds" "compare_labels tables"; do
  $py "$here"/${part/ /.py } "$data" "$out" | tee "$out/${part/ /_}.md"
done
