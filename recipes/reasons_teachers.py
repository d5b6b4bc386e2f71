"""What is known of a face as it is, and what the network can say of one.

The measures tell of blur, noise and light, YuNet's points of yaw and pitch, 68 landmarks of the
opening of the mouth, a classifier of the expression. Headwear is what a person saw (looked_at.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bundled_copies import landmarks
from numpy.typing import NDArray

from fiqa.faces.detectors.yunet import YuNet
from fiqa.faces.factors import measure, term_table
from fiqa.functional.pose import pose_from_points
from fiqa.runtime.onnx import open_session
from fiqa.types import Faces

Crop = NDArray[np.uint8]
Floats = NDArray[np.float64]
REASONS = (
    "noisy", "compression", "face_too_small", "occluded_eyes", "occluded_mouth", "mask",
    "hand_on_face", "extreme_yaw", "extreme_pitch", "extreme_roll", "underexposed", "overexposed",
    "uneven_light", "glare", "low_contrast", "blurry", "motion_blur", "cropped", "mouth_open",
    "exaggerated_expression", "unclear_features", "headwear",
)  # fmt: skip
"""What the network says of a face, in the order of its output."""
PHYSICAL = ("noisy", "compression", "underexposed", "overexposed", "uneven_light", "blurry")
"""Reasons for which the measure of a face as it is is the label."""


def place(code: str) -> int:
    """Where a reason stands."""
    return REASONS.index(code)


def physical(crop: Crop) -> dict[str, float]:
    """Reason of PHYSICAL -> how much it holds by the measures, 0..1; of any picture."""
    terms = term_table(measure(Faces(crop[None])))
    return {code: 1 - float(terms[code][0]) for code in PHYSICAL}


class Teachers:
    """What the measures, YuNet, 68 landmarks and the classifier of expressions say of a crop."""

    def __init__(self, data: Path) -> None:
        models = data / "models"
        self.yunet = YuNet(models / "yunet.onnx")
        self.points, self.expression = (
            open_session((models / f"{name}.onnx").read_bytes(), name, threads=1)
            for name in ("landmarks68", "expression")
        )

    def __call__(self, crop: Crop, headwear: float = np.nan) -> Floats:
        """Targets of a face as it is, and of which a person knows the headwear."""
        target = np.zeros(len(REASONS))
        face = Faces(crop[None], landmarks=landmarks(self.yunet, crop))
        terms = {code: float(v[0]) for code, v in term_table(measure(face)).items()}
        for code in PHYSICAL:
            target[place(code)] = 1 - terms[code]
        for code in ("occluded_eyes", "low_contrast", "cropped", "motion_blur"):
            target[place(code)] = np.nan if terms[code] < 0.6 else 0.0
        angles = pose_from_points(face.landmarks)[0]
        for code, angle, half, width in (
            ("extreme_yaw", angles[0], YAW, 4.0),
            ("extreme_pitch", angles[1], PITCH, 4.0),
        ):
            target[place(code)] = 1 / (1 + np.exp(-(abs(angle) - half) / width))
        target[place("extreme_roll")] = 0.0
        target[place("mouth_open")], target[place("exaggerated_expression")] = self.mimic(
            crop, face.landmarks[0]
        )
        target[place("headwear")] = headwear
        return target

    def mimic(self, crop: Crop, points: NDArray[np.float32]) -> tuple[float, float]:
        """How open the mouth is and how far the expression is from a usual one, 0..1."""
        if not np.isfinite(points).all():
            return np.nan, np.nan
        box = cv2.resize(crop[8:112, 4:108], (112, 112), interpolation=cv2.INTER_LINEAR)
        tensor = np.ascontiguousarray(box.transpose(2, 0, 1)[None], np.float32)
        outline = _first(self.points, tensor).reshape(68, 2)
        felt = _first(self.expression, tensor).ravel()
        eyes = np.linalg.norm(outline[36:42].mean(0) - outline[42:48].mean(0))
        gap = np.linalg.norm(outline[61:64].mean(0) - outline[65:68].mean(0)) / max(eyes, 1e-6)
        strong = felt[2:].sum() - felt[2]
        return (
            float(1 / (1 + np.exp(-(gap - MOUTH) / 0.05))),
            float(np.clip((strong - 0.5) * 2, 0, 1)),
        )


YAW, PITCH, MOUTH = 25.0, 20.0, 0.26
"""Degrees, and the opening of the mouth in distances of the eyes, from which a reason holds."""


def _first(session: Any, tensor: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(session.run(None, {session.get_inputs()[0].name: tensor})[0])
