#!/usr/bin/env bash
# A fleet from videos to best shots, people, labels, evidence and a monitor, in minutes on two cores.
#
#     bash recipes/cabin.sh [../shared/data] [runs/cabin]
#
# Real is one video: a man in a moving car (Xiph's "carphone"), of whom best shots are taken. The
# fleet is simulated: 120 short films drawn from photographs of 12 people (recipes/cabin.py), the
# last 60 through a camera that lets through less than a third of the light. What it shows is that
# the parts fit together, and not how well they do on a road. The student is the shipped model,
# trained further on the labels; recipes/dmsfiqa.sh trains one from nothing. Stopped and run again,
# it goes on where it was.
set -euo pipefail
data=${1:-../shared/data}
out=${2:-runs/cabin}
py=${PYTHON:-python}
# 3: some rows failed, somebody is refused, or a cell cannot be judged; 4: the monitor's alarm
fiqa() {
  local code=0
  $py -m fiqa "$@" || code=$?
  [ $code -eq 0 ] || [ $code -eq 3 ] || [ $code -eq 4 ]
}
here=$(dirname "$0")
. "$here/needs.sh"
needs pins/aligned video/carphone.mp4 models/recognizer_a.onnx models/yunet.onnx

# Films, who drives in them, and a recognizer whose card says when two faces are of one person.
$py "$here/cabin.py" fleet "$data" "$out"
shots() { fiqa select "$1" --recognizer "$out/recognizer.onnx" \
  --weights "$data/models/yunet.onnx" -o "$out/$2"; }
shots "$data/video/carphone.mp4" real
shots "$out/films/weeks" weeks
shots "$out/films/today" today
$py "$here/cabin.py" faces "$out"

# People: templates and cuts. The photographs are from the web, so a drive may well be refused.
fiqa enroll "$out/weeks" --people "$out/weeks_people.csv" -o "$out/gallery.npz"

# Labels of the best shots: no template judges its own film.
fiqa embed "$out/faces.parquet" --recognizer "$out/recognizer.onnx" -o "$out/faces.npz"
fiqa label dmsfiqa --faces "$out/faces.parquet" --embeddings "$out/faces.npz" \
  --set group_column=track -o "$out/labels.parquet"

# A student. Two people are put aside, which says little: four folds say how sure it is.
fiqa train "$here/finetune.toml" --set data.faces="$out/faces.parquet" \
  --set data.labels="$out/labels.parquet" --set data.folds=4 -o "$out/training"
fiqa export "$out/training" -o "$out/student.onnx"

# What scores are worth between drives: two shots of one film are near-copies, and compared they
# would prove nothing. The student has seen these faces, so it is not compared here.
fiqa score "$out/faces.parquet" --aligned -o "$out/scores.parquet"
fiqa evaluate --quality "score=$out/scores.parquet" --quality "labels=$out/labels.parquet" \
  --embeddings "$out/faces.npz" --faces "$out/faces.parquet" --across drive --fmr 1e-3 \
  -o "$out/report"

# The chance of a correct match that a score stands for, in each light, and the scores with it.
fiqa calibrate --quality "$out/scores.parquet" --embeddings "$out/faces.npz" \
  --faces "$out/faces.parquet" --by light --across drive --fmr 1e-3 -o "$out/chance.json"
fiqa score "$out/faces.parquet" --aligned --calibration "$out/chance.json" \
  -o "$out/chances.parquet"

# Today's drives against the weeks before: the dimmed camera must be told.
fiqa monitor fit "$out/weeks/frames.parquet" --unit video --by regime -o "$out/reference.json"
fiqa monitor check "$out/today/frames.parquet" --reference "$out/reference.json" --by regime \
  --html "$out/health.html" -o "$out/health.json"

echo "open $out/real/index.html, $out/weeks/index.html, $out/report/index.html, $out/health.html"
