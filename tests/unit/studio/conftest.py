"""A studio in this process over a folder of drawn faces."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

TOKEN = "a-token-of-the-tests-0123456789"
ORIGIN = {"origin": "http://testserver"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three people of four drawn faces each."""
    from PIL import Image

    from fiqa.diagnosis.drawn_faces import drawn_faces

    root = tmp_path_factory.mktemp("studio") / "faces"
    crops = drawn_faces(12).crops
    for k, crop in enumerate(crops):
        place = root / ("ada", "bob", "cyd")[k % 3] / f"{k // 3}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(place)
    return root


@pytest.fixture
def make_desk(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Makes desks; what they hold is closed at the end."""
    for package in ("starlette", "jinja2", "python_multipart"):
        pytest.importorskip(package, reason="needs the extra service")
    from fiqa.data.images import Limits
    from fiqa.studio_app.collection import collected
    from fiqa.studio_app.desk import Desk
    from fiqa.studio_app.sessions import Sessions
    from fiqa.studio_app.store import Store
    from fiqa.studio_app.thumbnails import Thumbnails

    made = []

    def make(faces: Any, *, store: Path | None = None, **tables: Any) -> Any:
        desk = Desk(
            collected(faces, **tables),
            Store(store or tmp_path / "studio.sqlite"),
            Thumbnails(Limits()),
            Sessions(),
            (TOKEN,),
        )
        made.append(desk)
        return desk

    yield make
    for desk in made:
        desk.store.close()
        desk.pictures.close()


@pytest.fixture
def browser() -> Callable[..., Any]:
    """Returns a browser that came by the link and said a name."""
    from starlette.testclient import TestClient

    from fiqa.studio_app.app import build

    def enter(desk: Any, name: str = "Ada") -> Any:
        client = TestClient(build(desk), headers=ORIGIN)
        client.post("/enter", data={"token": TOKEN})
        if name:
            client.post("/who", data={"name": name})
        return client

    return enter
