#!/usr/bin/env bash
# The peers that are trained: labels, a run and an exported model for each, and what they are worth
# on LFW's people for the test, under two recognizers.
#
#     bash recipes/peers.sh [../shared/data] [runs/trained_peers] [NAME...]
#
# FORMS (default "head"): head, what the recipe says, new layers on a frozen recognizer, a minute a
# method once the vectors are there; network, the recognizer's last stages learn too, one epoch, six
# minutes a method. CENTERS=means starts the class centers of cr_fiqa's and magface's networks at
# people's means, and trains them for four epochs. SEEDS (default "0"). EVERY (default 1) learns
# from every k-th image of each person alone, PART from every k-th person alone. Stopped and run
# again, it goes on where it was. NAME: these methods alone.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/trained_peers}
names=${*:3}
names=${names:-faceqnet pcnet pfe ediffiqa cr_fiqa magface sdd_fiqa lightqnet}
py=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned \
  models/recognizer_a.onnx models/recognizer_b.onnx models/recognizer_a.pt
fiqa() { $py -m fiqa "$@" || [ $? -eq 3 ]; }

# Images to train on (people with two images or more of LFW's development set and pins, nobody of
# the test) and to report on, the recognizers, their vectors.
$py "$here"/splits.py "$data" "$out" --every "${EVERY:-1}" --part "${PART:-1}"
mkdir -p "$out/labels" "$out/scores"
awk -F, 'NR == FNR { count[$3]++; next } FNR == 1 || count[$3] > 1' "$out/train.csv" \
  "$out/train.csv" > "$out/faces.csv"
fiqa embed "$out/faces.csv" --recognizer "$out/recognizer_a.onnx" -o "$out/a.npz"
for r in a b; do
  fiqa embed "$out/test.csv" --recognizer "$out/recognizer_$r.onnx" -o "$out/test_$r.npz"
done

# Labels, all of recognizer A. The paper of FaceQnet chooses best images with an ICAO tool and that
# of eDifFIQA begins with its diffusion's scores; here the analytic score chooses, and SDD-FIQA's
# labels begin.
label() { fiqa label "$1" --faces "$out/faces.csv" --embeddings "$out/a.npz" \
  -o "$out/labels/$1.parquet" "${@:2}"; }
label analytic
label cr_fiqa
label sdd_fiqa
label faceqnet --prior "$out/labels/analytic.parquet"
label ediffiqa --prior "$out/labels/sdd_fiqa.parquet"

# The network form (recipes/network_form.py): the recognizer's last stages learn too.
network() {
  local epochs=1 how=()
  case $1 in cr_fiqa | magface)
    if [ "${CENTERS:-}" = means ]; then
      epochs=4 how=(means)
      settings+=(--set "$1.dim=0" --set "$1.embeddings=$out/a.npz")
    fi ;;
  esac
  settings+=(--set "optim.groups=$($py "$here"/network_form.py "$here/$1.toml" "${how[@]}")" \
    --set optim.batch=64 --set optim.epochs=$epochs --set optim.warmup=0.05 --set optim.clip=5.0 \
    --set augment.flip=0.5 --set run.channels_last=true)
}

# A run, a model and the scores of each: NAME is the head of seed 0, NAME_network its network form,
# NAME.1 the head of seed 1.
forms=${FORMS:-head}
qualities=()
for form in $forms; do
  for seed in ${SEEDS:-0}; do
    for name in $names; do
      labels=$(sed -n 's/^labels = ".*\/\(.*\)"$/\1/p' "$here/$name.toml")
      settings=(--set "data.faces=$out/faces.csv" --set "data.labels=$out/labels/$labels" \
        --set "data.cache=$out/crops"
        --set "model.weights=$data/models/recognizer_a.pt" --set "seed=$seed")
      # A calibration needs 20 faces that are held out.
      [ "${PART:-1}" = 1 ] || settings+=(--set data.validation=0.1)
      case $name in pcnet | lightqnet | pfe | ediffiqa) \
        settings+=(--set "$name.embeddings=$out/a.npz") ;; esac
      run=$name
      [ "$form" = head ] || { run+=_$form && $form "$name"; }
      [ "$seed" = 0 ] || run+=.$seed
      fiqa train "$here/$name.toml" "${settings[@]}" ${SET:+--set "$SET"} -o "$out/runs/$run"
      fiqa export "$out/runs/$run" --name "$run" -o "$out/$run.onnx"
      fiqa score "$out/test.csv" --aligned --model "$out/$run.onnx" -o "$out/scores/$run.parquet"
      qualities+=(--quality "$run=$out/scores/$run.parquet")
    done
  done
done

# Curves, with the length of the recognizers' own vectors beside them.
fiqa evaluate "${qualities[@]}" --quality norm --embeddings "$out/test_a.npz" \
  --embeddings "$out/test_b.npz" --faces "$out/test.csv" --fmr 1e-3 -o "$out/report_${forms// /_}"
