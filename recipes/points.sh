#!/usr/bin/env bash
# The five-point network, from LFW's aligned crops and YuNet's points to its file with its card and
# the tables of what it is good for.
#
#     bash recipes/points.sh [../shared/data] [runs/points] [PACKAGE]
#
# About ten minutes on one idle core; stopped and run again, it goes on after the last whole
# epoch. PACKAGE is where the model goes, runs/points/package if not said; src/fiqa/weights ships it.
# The tables need the extra `dlib`.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
data=${1:-../shared/data}
out=${2:-runs/points}
package=${3:-$out/package}
python=${PYTHON:-python}
. "$here/needs.sh"
needs lfw/aligned lfw/landmarks.csv lfw/peopleDevTrain.txt lfw/peopleDevTest.txt photos \
  models/yunet.onnx models/recognizer_a.onnx models/recognizer_b.onnx

"$python" "$here"/points.py train "$data" "$out" --epochs "${EPOCHS:-40}"
"$python" "$here"/points.py ship "$data" "$out" "$package"
"$python" "$here"/points_measure.py "$data" "$out" "$package"
