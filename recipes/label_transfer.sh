#!/usr/bin/env bash
# Label optimization and its transfer, from images to the paper's tables: does a regressor learn
# more from optimized labels than from labels as they were?
#
#     bash recipes/label_transfer.sh [../shared/data] [runs/transfer] [EVERY]
#
# EVERY (default 2) takes every second image of each of the pins celebrities; SEEDS in the
# environment (default "0 1") says which regressors are trained. Stopped and run again, it goes on
# where it was.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/transfer}
every=${3:-2}
priors="analytic lightqnet cr_fiqa"
py=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt \
  models/lightqnet-dm100.pb
fiqa() { $py -m fiqa "$@" || [ $? -eq 3 ]; }

# Images: pins to train on, the people of LFW's peopleDevTest to report on, once as they are and
# once degraded as the web would (for want of XQLFW).
$py "$here"/splits.py "$data" "$out" --only pins --every "$every"
mkdir -p "$out"/{prior,optimized,runs,models} "$out"/{lfw,degraded}/{quality,embeddings}
$py "$here"/label_transfer.py sets "$out"
fiqa embed "$out/train.csv" --recognizer "$out/recognizer_a.onnx" -o "$out/a.npz"
for set in lfw degraded; do
  for r in a b; do
    fiqa embed "$out/$set/faces.csv" --recognizer "$out/recognizer_$r.onnx" \
      -o "$out/$set/embeddings/$r.npz"
  done
done

# Priors of three kinds: measured in the crop, a published network, and computed from a recognizer's
# vectors. Each is optimized with the paper's settings.
lightqnet=$data/models/lightqnet-dm100.pb
fiqa label analytic --faces "$out/train.csv" -o "$out/prior/analytic.parquet"
fiqa score "$out/train.csv" --aligned --model "$lightqnet" -o "$out/prior/lightqnet.parquet"
fiqa label cr_fiqa --faces "$out/train.csv" --embeddings "$out/a.npz" \
  -o "$out/prior/cr_fiqa.parquet"
for prior in $priors; do
  fiqa label label_optimization --faces "$out/train.csv" --embeddings "$out/a.npz" \
    --prior "$out/prior/$prior.parquet" -o "$out/optimized/$prior.parquet"
done

# Regressors: recognizer A with a linear output, one epoch. Ours: batches of 32, because an epoch of
# so few images has too few steps of 128, and 5 evaluations instead of 20, which alone would take as
# long as the training.
for seed in ${SEEDS:-0 1}; do
  for kind in prior optimized; do
    for prior in $priors; do
      name=$prior.$kind.$seed
      fiqa train "$here"/label_optimization.toml --set "data.faces=$out/train.csv" \
        --set "data.labels=$out/$kind/$prior.parquet" \
        --set "data.cache=$out" --set "model.weights=$data/models/recognizer_a.pt" \
        --set "seed=$seed" \
        --set optim.batch=32 --set run.evaluate=5 -o "$out/runs/$name"
      fiqa export "$out/runs/$name" --runs 5 -o "$out/models/$name.onnx"
      for set in lfw degraded; do
        fiqa score "$out/$set/scored.csv" --aligned --model "$out/models/$name.onnx" \
          -o "$out/$set/quality/$name.parquet"
      done
    done
  done
done

# The methods themselves on the test, where they need no more than the crop. A student of CR-FIQA's
# labels is CR-FIQA, so there the regressor is the baseline.
for set in lfw degraded; do
  fiqa score "$out/$set/scored.csv" --aligned --model analytic \
    -o "$out/$set/quality/analytic.baseline.parquet"
  fiqa score "$out/$set/scored.csv" --aligned --model "$lightqnet" \
    -o "$out/$set/quality/lightqnet.baseline.parquet"
done

# How far the labels moved; Tables I to III with intervals over people, and IV: time per image
# before and after.
$py "$here"/label_transfer.py labels "$out"
$py "$here"/label_transfer.py heads "$out"
$py "$here"/label_transfer.py tables "$out" ${SEEDS:-0 1}
$py "$here"/label_transfer.py times "$out" "$lightqnet"
