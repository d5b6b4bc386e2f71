#!/usr/bin/env bash
# From your own photographs, or crops, to a threshold and the pages that say what it costs.
#
#     bash recipes/starter.sh PHOTOS RECOGNIZER [OUT]
#
# PHOTOS has one folder a person. RECOGNIZER is an ONNX file; without a card beside it, one is
# guessed from your faces and proved on them. CROPS=yes says that PHOTOS are aligned crops already.
# FMR (0.01) is how often other people may be taken for one, FNMR (0.02) how often one person may
# be missed. DETECTOR (dlib) finds the faces.
set -euo pipefail
[ $# -ge 2 ] || { sed -n '4p' "$0" >&2; exit 2; }
photos=$1
recognizer=$2
out=${3:-runs/starter}
fmr=${FMR:-0.01}
for each in "$photos" "$recognizer"; do
  [ -e "$each" ] || { echo "error: there is nothing at $each" >&2; exit 2; }
done
fiqa() { ${PYTHON:-python} -m fiqa "$@" || [ $? -eq 3 ]; }
mkdir -p "$out"

# 1. Which files there are, and whether they can be read.
fiqa scan "$photos" -o "$out/photos.parquet"

# 2. Faces, upright at 112x112 pixels.
if [ "${CROPS:-no}" = yes ]; then
  faces=$out/photos.parquet
else
  fiqa align "$out/photos.parquet" -o "$out/crops" --detector "${DETECTOR:-dlib}"
  faces=$out/crops/faces.parquet
fi

# 3. Their vectors, by a recognizer whose card is there or is guessed and proved.
if [ ! -e "${recognizer%.onnx}.json" ]; then
  cp "$recognizer" "$out/recognizer.onnx"
  recognizer=$out/recognizer.onnx
  [ -e "$out/recognizer.json" ] \
    || fiqa weights card "$recognizer" --kind recognizer --faces "$faces"
fi
fiqa embed "$faces" --recognizer "$recognizer" -o "$out/vectors.npz"

# 4. Their scores, with a reason each; sheet.html has the worst first.
fiqa score "$faces" --aligned --explain -o "$out/scores.parquet" --html "$out/sheet.html"

# 5. Whether the score helps this recognizer: report/index.html.
fiqa evaluate --quality "$out/scores.parquet" --embeddings "$out/vectors.npz" --faces "$faces" \
  --fmr "$fmr" -o "$out/report"

# 6. Where to cut: cut.html. Where it is refused because photographs are too few, the error names
# --coverage, and the cut that keeps nine images of ten is given in its place; any other error ends
# the script.
cut() {
  fiqa threshold --quality "$out/scores.parquet" --embeddings "$out/vectors.npz" \
    --faces "$faces" --fmr "$fmr" -o "$out/cut.json" --html "$out/cut.html" "$@"
}
if ! cut --fnmr "${FNMR:-0.02}" 2> >(tee "$out/refused.txt" >&2); then
  wait $!  # tee has written all of it
  grep -q -e '--coverage' "$out/refused.txt" || exit 1
  cut --coverage 0.9
fi
rm -f "$out/refused.txt"
echo "pages: $out/sheet.html $out/report/index.html $out/cut.html"
