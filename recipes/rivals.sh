#!/usr/bin/env bash
# The rivals that are trained: labels, a run and an exported model for each, and what they are worth on LFW's people for the test, under two recognizers.
#
#     bash recipes/rivals.sh [../shared/data] [runs/rivals] [NAME...]
#
# About an hour on two cores, most of it the two networks that begin with random weights. Stopped and run again, it goes on where it was. NAME: these alone.
set -euo pipefail
data=${1:-../shared/data}
out=${2:-runs/rivals}
names=${*:3}
names=${names:-faceqnet pcnet pfe ediffiqa cr_fiqa magface sdd_fiqa lightqnet}
py=${PYTHON:-python}
fiqa() { $py -m fiqa "$@" || [ $? -eq 3 ]; }
if [ ! -d "$data/lfw" ]; then
  echo "skipped: the measuring data are not at $data (give their folder as the first argument)" >&2
  exit 0
fi

# Images to train on (people with two images or more of LFW's development set and pins, nobody of the test) and to report on, the recognizers, their vectors.
$py recipes/splits.py "$data" "$out"
mkdir -p "$out/labels" "$out/scores"
awk -F, 'NR == FNR { count[$3]++; next } FNR == 1 || count[$3] > 1' "$out/train.csv" "$out/train.csv" > "$out/faces.csv"
fiqa embed "$out/faces.csv" --recognizer "$out/recognizer_a.onnx" -o "$out/a.npz"
for r in a b; do
  fiqa embed "$out/test.csv" --recognizer "$out/recognizer_$r.onnx" -o "$out/test_$r.npz"
done

# Labels, all of recognizer A. The paper of FaceQnet chooses best images with an ICAO tool and that of eDifFIQA begins with its diffusion's scores; here the
# analytic score chooses, and SDD-FIQA's labels begin.
label() { fiqa label "$1" --faces "$out/faces.csv" --embeddings "$out/a.npz" -o "$out/labels/$1.parquet" "${@:2}"; }
label analytic
label cr_fiqa
label sdd_fiqa
label faceqnet --prior "$out/labels/analytic.parquet"
label ediffiqa --prior "$out/labels/sdd_fiqa.parquet"

# A run, a model and the scores of each.
qualities=()
for name in $names; do
  own=()
  case $name in pcnet | lightqnet | pfe | ediffiqa) own=(--set "$name.embeddings=$out/a.npz") ;; esac
  labels=$(sed -n 's/^labels = ".*\/\(.*\)"$/\1/p' "recipes/$name.toml")
  weights=()
  grep -q '^weights' "recipes/$name.toml" && weights=(--set "model.weights=$data/models/recognizer_a.pt")
  fiqa train "recipes/$name.toml" --set "data.faces=$out/faces.csv" --set "data.labels=$out/labels/$labels" --set "data.cache=$out/crops" \
    "${own[@]}" "${weights[@]}" ${SET:+--set "$SET"} -o "$out/runs/$name"
  fiqa export "$out/runs/$name" -o "$out/$name.onnx"
  fiqa score "$out/test.csv" --aligned --model "$out/$name.onnx" -o "$out/scores/$name.parquet"
  qualities+=(--quality "$out/scores/$name.parquet")
done

# Curves, with the length of the recognizers' own vectors beside them.
fiqa evaluate "${qualities[@]}" --quality norm --embeddings "$out/test_a.npz" --embeddings "$out/test_b.npz" --faces "$out/test.csv" --fmr 1e-3 -o "$out/report"
