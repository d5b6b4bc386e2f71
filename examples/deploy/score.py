"""From a photograph and five points to a score, with onnxruntime, numpy and Pillow alone.

python score.py fiqa.onnx photo.png X Y X Y X Y X Y X Y
"""

import json
import sys

import numpy as np
import onnxruntime
from PIL import Image

TEMPLATE = np.array(
    [
        [38.2946, 51.6963],
        [73.5318, 51.5014],
        [56.0252, 71.7366],
        [41.5493, 92.3655],
        [70.7299, 92.2041],
    ]
)
LEVELS = ("unusable", "low", "medium", "good", "perfect")


def aligned(photo, points):
    """The crop (112,112,3) that brings the five points onto the template."""
    source, target = (p - p.mean(axis=0) for p in (np.array(points, float), TEMPLATE))
    z, w = source @ (1, 1j), target @ (1, 1j)
    turn = np.vdot(z, w) / np.vdot(z, z)  # scale and rotation as one complex number
    shift = TEMPLATE.mean(axis=0) @ (1, 1j) - turn * (np.mean(points, axis=0) @ (1, 1j))
    back, origin = 1 / turn, -shift / turn  # from the crop to the photograph
    a, b = back.real, -back.imag
    d, e = back.imag, back.real
    # Pillow counts from the corner of a pixel, the template from its middle
    c = origin.real + 0.5 - 0.5 * (a + b)
    f = origin.imag + 0.5 - 0.5 * (d + e)
    return np.asarray(
        photo.convert("RGB").transform(
            (112, 112), Image.Transform.AFFINE, (a, b, c, d, e, f), Image.Resampling.BILINEAR
        )
    )


def score(model, crop):
    """Raw quality, score of 0 to 100, level and factors of an aligned crop (112,112,3) uint8."""
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    card = json.loads(session.get_modelmeta().custom_metadata_map["fiqa.card"])
    how = card["input"]
    x = (crop.astype(np.float32) / how["scale"] - how["mean"]) / how["std"]
    x = np.ascontiguousarray(x.transpose(2, 0, 1)[None], np.float32)
    quality, factors = session.run(["quality", "factors"], {session.get_inputs()[0].name: x})
    raw, calibration = float(quality.ravel()[0]), card["calibration"]
    uqs = round(100 / (1 + np.exp(-(raw - calibration["x0"]) / calibration["w"])))
    level = LEVELS[sum(uqs >= cut for cut in calibration["level_cuts"])]
    names = next(o["factors"] for o in card["outputs"] if o["role"] == "factors")
    return raw, uqs, level, dict(zip(names, factors.ravel().tolist(), strict=True))


if __name__ == "__main__":
    model, photo, *numbers = sys.argv[1:]
    crop = aligned(Image.open(photo), np.array(numbers, float).reshape(5, 2))
    raw, uqs, level, factors = score(model, crop)
    print(f"{raw:.6f} {uqs} {level}")
