#!/usr/bin/env bash
# The shipped model, trained further on your own labels, and what that is worth on other people.
#
#     bash recipes/finetune.sh CROPS LABELS [OUT [RECOGNIZER]]
#
# CROPS is a folder of aligned crops with one folder a person (`fiqa align` writes it), LABELS a
# table with `id` (PERSON/FILE without its ending) and `value`, more is better: of your own, or as
# `fiqa label` writes it. A fifth of the people are put aside and never trained on. On these, OUT
# gets the scores by the shipped model and by the new one, and says how well each agrees with the
# labels. With a RECOGNIZER (an ONNX file with its card) it also says how much each score helps it.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '4p' "$0" >&2; exit 2; }
here=$(dirname "${BASH_SOURCE[0]}")
crops=$1
labels=$2
out=${3:-runs/finetune}
recognizer=${4:-}
py=${PYTHON:-python}
for each in "$crops" "$labels"; do
  [ -e "$each" ] || { echo "error: there is nothing at $each" >&2; exit 2; }
done
fiqa() { $py -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out"

$py "$here"/finetune.py divide "$crops" "$labels" "$out"
fiqa train "$here"/finetune.toml -o "$out/run" \
  --set data.faces="$out/train.csv" --set data.labels="$out/labels.csv"
fiqa export "$out/run" -o "$out/tuned.onnx"

# The people who were put aside: scored by both, and compared with their labels.
fiqa score "$out/test.csv" --aligned -o "$out/shipped.parquet"
fiqa score "$out/test.csv" --aligned --model "$out/tuned.onnx" -o "$out/tuned.parquet"
$py "$here"/finetune.py compare "$out"

# What the scores are worth to a recognizer: areas under the discard curve, and a page.
if [ -n "$recognizer" ]; then
  fiqa embed "$out/test.csv" --recognizer "$recognizer" -o "$out/test.npz"
  fiqa evaluate --quality shipped="$out/shipped.parquet" --quality tuned="$out/tuned.parquet" \
    --embeddings "$out/test.npz" --faces "$out/test.csv" --fmr 1e-2 -o "$out/report"
fi
