"""Pose from five points against the FSA-Net ensemble on photographs of people that the generic head
was not fitted on, and the points that are seen in aligned crops."""

from __future__ import annotations

import csv
from pathlib import Path

import cv2
import numpy as np
import pytest

from fiqa.data.images import read_image
from fiqa.faces.detection import Detection
from fiqa.faces.points import pointed, refined
from fiqa.functional.agreement import spearman
from fiqa.functional.geometry import TEMPLATE, similarity_transform, transform_points
from fiqa.functional.pose import pose_from_points
from fiqa.types import Faces


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
def poses(data: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(of YuNet's points, of the points that are seen at a second look, FSA-Net's), each (N,3)
    degrees: every second person of the photographs in the order of names, the half that was not
    fitted on."""
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
    found = values[:, 4:].reshape(-1, 5, 2).astype(np.float32)
    boxes = values[:, :4].astype(np.float32)
    faces = [Detection(box, points, 1.0) for box, points in zip(boxes, found, strict=True)]
    looked = [refined(read_image(p).pixels, f) for p, f in zip(held_out, faces, strict=True)]
    again = np.stack([face.landmarks for face in looked])
    # FSA-Net's yaw is positive to image left
    return pose_from_points(found), pose_from_points(again), theirs * [-1, 1, 1]


@pytest.mark.parametrize("look", [0, 1], ids=["as found", "looked at again"])
def test_pose_agrees_with_fsanet(
    poses: tuple[np.ndarray, np.ndarray, np.ndarray], look: int
) -> None:
    ours, theirs = poses[look], poses[2]
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
    assert correlation[1] > (0.5, 0.65)[look]
    assert correlation[2] > (0.8, 0.95)[look]
    assert (difference < [4.0, 5.5, 3.5]).all()
    assert np.abs((ours - theirs).mean(axis=0)).max() < 2.5


def test_points_seen_in_aligned_crops_are_near_the_landmarks(data: Path) -> None:
    with (data / "lfw" / "landmarks.csv").open() as file:
        rows = {Path(row["path"]).stem: list(row.values()) for row in csv.DictReader(file)}
    people = (data / "lfw" / "peopleDevTest.txt").read_text().splitlines()[1:]
    names = [line.split("\t")[0] for line in people if line][::20]
    files = [next(iter(sorted((data / "lfw/aligned" / name).glob("*.jpg")))) for name in names]
    photo = np.array([rows[file.stem][5:15] for file in files], np.float64).reshape(-1, 5, 2)
    known = transform_points(similarity_transform(photo, TEMPLATE), photo)
    faces = pointed(Faces(np.stack([read_image(file).pixels for file in files])))
    assert faces.seen.mean() > 0.95
    off = np.linalg.norm(faces.landmarks - known, axis=2)[faces.seen]
    assert off.mean() < 3
    yaw, truth = (pose_from_points(points)[faces.seen, 0] for points in (faces.landmarks, known))
    assert spearman(yaw, truth) > 0.85
    assert np.median(abs(yaw - truth)) < 5


def test_points_seen_under_side_light_turn_few_frontal_heads(data: Path) -> None:
    files = sorted((data / "yaleb").rglob("*.jpg"))[::5]
    faces = pointed(Faces(np.stack([read_image(file).pixels for file in files])))
    assert faces.seen.mean() > 0.85
    yaw = abs(pose_from_points(faces.landmarks)[faces.seen, 0])
    assert np.median(yaw) < 10
    assert np.mean(yaw > 30) < 0.03
