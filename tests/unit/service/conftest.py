"""A service in this process, its worker processes real; it takes square images as aligned crops."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

TOKEN = "a-token-of-the-tests-0123456789"


def png(pixels: np.ndarray) -> bytes:
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(pixels).save(stream, format="PNG")
    return stream.getvalue()


@pytest.fixture(scope="session")
def crop() -> bytes:
    """An aligned face, drawn, as a PNG."""
    from fiqa.diagnosis.drawn_faces import drawn_faces

    return png(drawn_faces(1).crops[0])


@pytest.fixture(scope="session")
def good_crop() -> bytes:
    """An aligned face of a real portrait, without a fault, as a PNG."""
    from skimage.data import astronaut

    from fiqa import FaceReader

    (face,) = FaceReader(detector="dlib").read(astronaut(), color="RGB")
    return png(face.crop)


@pytest.fixture(scope="session")
def service() -> Iterator[Any]:
    """A client of a service that is ready, with the token."""
    for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
        pytest.importorskip(package, reason="needs the extra service")
    from starlette.testclient import TestClient

    from fiqa.service.app import build
    from fiqa.service.settings import ServiceSettings

    app = build(ServiceSettings(tokens=(TOKEN,), detector="none", rate=10_000))
    with TestClient(app, headers={"authorization": f"Bearer {TOKEN}"}) as client:
        end = time.monotonic() + 120
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)
        yield client
