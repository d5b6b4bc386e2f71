"""Pose from five points against the FSA-Net ensemble on photographs of people that the generic head
was not fitted on."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqa.data.images import read_image
from fiqa.functional.pose import pose_from_points


def _head_crop(pixels: np.ndarray, box: np.ndarray) -> np.ndarray:
    """The 64x64 input of FSA-Net: the square around the box, 1.4 times its longer side, black
    outside of the frame, BGR, (x-127.5)/128."""
    x, y, width, height = box
    side = 1.4 * max(width, height)
    left, top = round(x + width / 2 - side / 2), round(y + height / 2 - side / 2)
    pad, side = 250, round(side)
    padded = cv2.copyMakeBorder(pixels, pad, pad, pad, pad, cv2.BORDER_CONSTANT)
    square = padded[top + pad : top + pad + side, left + pad : left + pad + side, ::-1]
    small = cv2.resize(np.ascontiguousarray(square), (64, 64), interpolation=cv2.INTER_AREA)
    return ((small.astype(np.float32) - 127.5) / 128).transpose(2, 0, 1)[None]


@pytest.fixture(scope="module")
def poses(data: Path) -> tuple[np.ndarray, np.ndarray]:
    """(ours, FSA-Net's), each (N,3) degrees: every second person of the photographs in the order of
    names, the half that was not fitted on."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    models = [
        onnxruntime.InferenceSession(str(path), options)
        for path in sorted((data / "models").glob("fsanet-*.onnx"))
    ]
    with (data / "lfw" / "landmarks.csv").open() as file:
        rows = {Path(row["path"]).name: list(row.values()) for row in csv.DictReader(file)}
    paths = sorted((data / "photos").iterdir())
    people = sorted({path.stem.rsplit("_", 1)[0] for path in paths})
    held_out = [path for path in paths if path.stem.rsplit("_", 1)[0] in set(people[1::2])]
    values = np.array([rows[path.name][1:15] for path in held_out], np.float64)
    crops = [
        _head_crop(read_image(path).pixels, row[:4])
        for path, row in zip(held_out, values, strict=True)
    ]
    theirs = np.array(
        [np.mean([m.run(None, {"input": crop})[0][0] for m in models], axis=0) for crop in crops]
    )
    return pose_from_points(values[:, 4:].reshape(-1, 5, 2)), theirs * [
        -1,
        1,
        1,
    ]  # FSA-Net's yaw is positive to image left


def test_pose_agrees_with_fsanet(poses: tuple[np.ndarray, np.ndarray]) -> None:
    ours, theirs = poses
    correlation = [np.corrcoef(ours[:, i], theirs[:, i])[0, 1] for i in range(3)]
    difference = np.abs(ours - theirs).mean(axis=0)
    for name, r, d, bias in zip(
        ("yaw", "pitch", "roll"), correlation, difference, (ours - theirs).mean(axis=0), strict=True
    ):
        print(
            f"{name}: r {r:.3f}, mean absolute difference {d:.2f} degrees, bias {bias:+.2f},"
            f" {len(ours)} photographs"
        )
    assert theirs.std(axis=0).min() > 3  # a constant would agree with anything
    assert correlation[0] > 0.93
    assert correlation[1] > 0.5
    assert correlation[2] > 0.8
    assert (difference < [4.0, 5.5, 3.5]).all()
    assert np.abs((ours - theirs).mean(axis=0)).max() < 2.5
