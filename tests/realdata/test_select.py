"""The real in-car video with the real detector, quality model and recognizer."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import cv2
import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

import fiqa
from fiqa.functional.pose import pose_from_points
from fiqa.runtime.cards import ModelCard, ModelInput, ModelOutput, card_path, write_card
from fiqa.types import Track


@pytest.fixture(scope="module")
def recognizer(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Recognizer A with a card; its threshold is that of one image each of 2,000 people of LFW
    DevTrain (2.0 million non-mated pairs)."""
    path = tmp_path_factory.mktemp("models") / "recognizer_a.onnx"
    shutil.copy(data / "models" / "recognizer_a.onnx", path)
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    write_card(
        ModelCard(
            name="mobilefacenet_a",
            kind="recognizer",
            file=path.name,
            sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
            input=ModelInput(
                size=112,
                color="RGB",
                layout="NCHW",
                scale=255,
                mean=(0.485, 0.456, 0.406),
                std=(0.229, 0.224, 0.225),
            ),
            outputs=(ModelOutput(name=session.get_outputs()[0].name, role="embedding"),),
            embedding_dim=128,
            match_threshold=0.333,
        ),
        card_path(path),
    )
    return path


@pytest.fixture(scope="module")
def frames(data: Path) -> list[NDArray[np.uint8]]:
    """The frames of the video."""
    film = cv2.VideoCapture(str(data / "video" / "carphone.mp4"))
    read = []
    while True:
        more, frame = film.read()
        if not more:
            return read
        read.append(np.ascontiguousarray(frame[..., ::-1]))


def mouth_opening(data: Path, image: NDArray[np.uint8], box: NDArray[np.float64]) -> float:
    """Distance of the inner lips over that of the eyes, by the 68 landmarks."""
    import onnxruntime

    session = onnxruntime.InferenceSession(
        data / "models" / "landmarks68.onnx", providers=["CPUExecutionProvider"]
    )
    x, y, width, height = box
    scale = 112 / max(width, height)
    shift = 56 - scale * np.array([x + width / 2, y + height / 2])
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    crop = cv2.warpAffine(image, matrix, (112, 112)).astype(np.float32).transpose(2, 0, 1)[None]
    points = session.run(None, {session.get_inputs()[0].name: crop})[0].reshape(68, 2)
    eyes = np.linalg.norm(points[36:42].mean(axis=0) - points[42:48].mean(axis=0))
    return float(np.linalg.norm(points[62] - points[66]) / eyes)


@pytest.mark.parametrize("known", [True, False])
def test_no_open_mouth_and_no_turned_moment_is_picked(
    data: Path, recognizer: Path, frames: list[NDArray[np.uint8]], known: bool
) -> None:
    (track,) = fiqa.select(
        data / "video" / "carphone.mp4",
        recognizer=recognizer if known else None,
        weights=str(data / "models" / "yunet.onnx"),
    )
    assert len(track) == 120
    assert len(track.best) == 3
    assert track.purity == (1.0 if known else None)
    assert (track.template is not None) == known
    # the wide open mouth measures .5 to .6, the shut one .1 to .2, parted lips .26
    openings = [mouth_opening(data, frames[shot.frame], shot.box) for shot in track.best]
    assert max(openings) < 0.3
    assert np.median(openings) < 0.25
    points = np.stack([shot.landmarks for shot in track.best])
    assert np.abs(pose_from_points(points)[:, 0]).max() < 15
    times = sorted(shot.time for shot in track.best)
    # nearness costs up to one second, and less the better a frame is: ten frames at the least
    assert np.diff(times).min() > 0.33
    # far better than frames that are taken at random
    scored = track.quality[np.isfinite(track.quality)]
    assert min(shot.quality for shot in track.best) > np.quantile(scored, 0.75)


def test_two_people_in_turn_are_two_tracks(
    data: Path, recognizer: Path, frames: list[NDArray[np.uint8]]
) -> None:
    """Simulated: another real face takes the driver's place between two frames, in the same box."""
    from fiqa.data.images import read_image

    other = read_image(sorted((data / "photos").glob("*.jpg"))[3]).pixels
    stream = fiqa.Stream(
        recognizer=recognizer, weights=str(data / "models" / "yunet.onnx"), history=True
    )
    (first,) = stream.engine.find(frames[0])
    face = stream.engine.find(other)[0]
    scale = first.box[2] / face.box[2]
    shift = first.box[:2] - scale * face.box[:2]
    matrix = np.array([[scale, 0, shift[0]], [0, scale, shift[1]]])
    swapped = frames[0].copy()
    pasted = cv2.warpAffine(other, matrix, swapped.shape[1::-1], flags=cv2.INTER_AREA)
    x, y, width, height = first.box.round().astype(int)
    swapped[y - 8 : y + height + 8, x - 8 : x + width + 8] = pasted[
        y - 8 : y + height + 8, x - 8 : x + width + 8
    ]
    events = []
    for number, image in enumerate([*frames[:50], *[swapped] * 50]):
        events += stream.push(image, time=number / 30)
    events += stream.close()
    tracks: list[Track] = [event.ended for event in events if event.ended is not None]
    split = next(event for event in events if event.kind == "track_split")
    assert split.time < 50 / 30 + 1.0
    assert [track.person for track in tracks] in ([1, 2], [2, 1])
    for track in tracks:
        assert len({shot.frame >= 50 for shot in track.best}) == 1


def test_the_folder_of_the_real_video(data: Path, recognizer: Path, tmp_path: Path) -> None:
    how = {"recognizer": recognizer, "weights": str(data / "models" / "yunet.onnx")}
    out = tmp_path / "out"
    (track,) = fiqa.select(data / "video" / "carphone.mp4", out=out, **how)
    rows = pl.read_parquet(out / "frames.parquet")
    assert len(rows) == 120
    assert rows["pts"].is_not_null().all() or rows["pts"].is_null().all()
    assert np.allclose(rows["time_s"].diff().drop_nulls(), 1 / 30, atol=2e-3)
    chosen = rows.filter(pl.col("status") == "ok")
    assert len(chosen) == len(track.best) == 3
    again = fiqa.embed(str(out / "frames.parquet"), recognizer=recognizer)
    assert track.template is not None
    assert np.all(again.vector @ track.template > 0.333)
