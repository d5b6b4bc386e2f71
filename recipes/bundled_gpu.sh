#!/usr/bin/env bash
# fiqa-large on one GPU in minutes, where one can be had: the same recipe and labels, more epochs,
# larger batches; prints images a second and how busy the GPU was. Nothing depends on it.
#
#     bash recipes/bundled_gpu.sh [runs/bundled]
#
# recipes/bundled.sh must have made labels_all.parquet and large_start.safetensors there. EPOCHS (8)
# times 68,529 images must fit into the minutes that you have; stopped and run again, it goes on.
# DEVICE=cpu tries it without a GPU.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
out=${1:-runs/bundled}
python=${PYTHON:-python}
device=${DEVICE:-cuda}
for file in faces labels_all.parquet factors_all.parquet large_start.safetensors; do
  [ -e "$out/$file" ] || { echo "error: $out lacks $file; recipes/bundled.sh makes it" >&2; exit 2; }
done

if [ "$device" = cuda ]; then
  nvidia-smi --query-gpu=utilization.gpu,memory.used --format=csv,noheader,nounits -l 1 \
    > "$out/gpu.csv" &
  trap "kill $! 2>/dev/null || true" EXIT
fi
"$python" -m fiqa train "$here"/bundled_large.toml --set "data.faces=$out/faces" \
  --set "data.labels=$out/labels_all.parquet" --set "data.factors=$out/factors_all.parquet" \
  --set "data.cache=$out/crops" --set "model.weights=$out/large_start.safetensors" \
  --set "run.device=$device" --set run.bf16=true --set "run.workers=${WORKERS:-12}" \
  --set optim.batch=256 --set optim.lr=1e-3 --set "optim.epochs=${EPOCHS:-8}" -o "$out/large_gpu"
"$python" - "$out" <<'PY'
import csv, pathlib, statistics, sys
out = pathlib.Path(sys.argv[1])
rows = list(csv.DictReader((out / "large_gpu/metrics.csv").open()))
rate = [float(row["images_per_second"]) for row in rows]
print(f"{rows[-1]['images']} images, {statistics.median(rate):.0f} a second in the median")
if (out / "gpu.csv").is_file():
    used = [line.split(",") for line in (out / "gpu.csv").read_text().splitlines()]
    busy = statistics.mean(float(share) for share, _ in used)
    print(f"GPU busy {busy:.0f} % of {len(used)} s, at most {max(int(m) for _, m in used)} MiB")
PY
