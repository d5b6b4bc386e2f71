#!/usr/bin/env bash
# The bundled model's ensemble: two networks that learned the scale of similarities by LightQNet's
# loss, under recognizers A and B, from clean faces, drawn damage and real light. What they say goes
# into the last label of both sizes. recipes/bundled.sh calls this, when its images and recognizers
# are there.
#
#     bash recipes/bundled_ensemble.sh ../shared/data runs/bundled
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=$1
out=$2
python=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/peopleDevTrain.txt lfw/peopleDevTest.txt pins/aligned models/yunet.onnx models/recognizer_a.onnx \
  models/recognizer_b.onnx models/recognizer_a.pt yaleb
fiqa() { "$python" -m fiqa "$@" || [ $? -eq 3 ]; }

[ -f "$out/factors_all.parquet" ] || "$python" "$here"/bundled_light.py "$data" "$out"
"$python" "$here"/bundled_ensemble.py versions "$out"
for r in a b; do
  fiqa embed "$out/versions.csv" --recognizer "$out/recognizer_$r.onnx" -o "$out/versions_$r.npz"
done
"$python" "$here"/bundled_ensemble.py people "$out"
"$python" "$here"/bundled_ensemble.py opinions "$out"

# teach RECOGNIZER DRAW: one teacher, one thread. A training needs labels that say which images take
# part; LightQNet's loss does not depend on their values.
teach() {
  local name=lightqnet_$1 faces="$out/teach_$2.csv" labels="$out/sdd_$1_$2.parquet"
  fiqa label sdd_fiqa --faces "$faces" --embeddings "$out/versions_$1.npz" -o "$labels"
  fiqa train "$here/lightqnet.toml" --set "data.faces=$faces" --set "data.labels=$labels" \
    --set "data.cache=$out/crops" --set "model.weights=$data/models/recognizer_a.pt" \
    --set "lightqnet.embeddings=$out/versions_$1.npz" --set "lightqnet.middle=$3" \
    --set "optim.groups=$("$python" "$here"/network_form.py "$here/lightqnet.toml")" \
    --set optim.batch=64 --set optim.epochs=2 --set optim.warmup=0.05 --set optim.clip=5.0 \
    --set augment.flip=0.5 --set run.channels_last=true --set run.threads=1 \
    ${SET:+--set "$SET"} -o "$out/ensemble/runs/$name"
  fiqa export "$out/ensemble/runs/$name" --name "$name" -o "$out/ensemble/$name.onnx"
  fiqa score "$out/opinions.txt" --aligned --model "$out/ensemble/$name.onnx" --workers 1 \
    -o "$out/ensemble/$name.parquet"
}

# Both at a time. The middle of the steep function is a little above the threshold at FMR 1e-3,
# which is .335 under A and .421 under B.
teach a 1 0.4 > "$out/ensemble_a.log" 2>&1 &
one=$!
teach b 2 0.5 > "$out/ensemble_b.log" 2>&1
wait "$one"
