"""Shared fixtures: the measuring data beside the checkout (optional), small synthetic faces, a
quiet environment."""

from __future__ import annotations

import gc
import importlib.util
import io
import os
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

# before anything reads them: two workers on two cores with two threads each only wait for each
# other
for _name, _value in {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "MPLBACKEND": "Agg"}.items():
    os.environ.setdefault(_name, _value)

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from numpy.typing import NDArray  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("FIQA_TEST_DATA", ROOT.parent / "shared" / "data"))


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Progress and a closing line: nothing about the processes that run the tests."""
    reporter = session.config.pluginmanager.getplugin("terminaldistreporter")
    if reporter is not None and session.config.option.verbose < 0:
        reporter.write_line = reporter.rewrite = lambda *_, **__: None


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was imported stays: the garbage collector need not walk over it again in every test."""
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in tests/realdata needs the measuring data; without it each test is skipped and
    says why."""
    skip = pytest.mark.skip(
        reason=f"needs the measuring data at {DATA} (set FIQA_TEST_DATA to point elsewhere)"
    )
    for item in items:
        if "realdata" in Path(str(item.fspath)).parts or item.get_closest_marker("realdata"):
            item.add_marker("realdata")
            if not DATA.is_dir():
                item.add_marker(skip)


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real faces and small models; only tests in tests/realdata may use it."""
    return DATA


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def _homes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Names for folders in one folder: pytest's own numbering reads all names that are there."""
    folder = tmp_path_factory.mktemp("homes")
    return (folder / str(number) for number in count())


@pytest.fixture(autouse=True)
def _home(_homes: Iterator[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a FIQA_HOME of its own, so nothing on the developer's machine changes a
    result."""
    home = next(_homes)
    home.mkdir()
    monkeypatch.setenv("FIQA_HOME", str(home))


@pytest.fixture(
    scope="session",
    params=[1, *(pytest.param(number, marks=pytest.mark.slow) for number in range(2, 6))],
    ids="seed {}".format,
)
def seed(request: pytest.FixtureRequest) -> int:
    """The seed of a training that must come out as asked with every one: 1 in `make test`, four
    more in `make test-all`."""
    return int(request.param)


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240)


@pytest.fixture
def clustered(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """(embeddings (60,16) unit rows, identities (60,)): six people with ten images each, of growing
    noise."""
    centers = rng.normal(size=(6, 16))
    noise = np.linspace(0.1, 1.5, 10)
    vectors = (centers[:, None, :] + noise[None, :, None] * rng.normal(size=(6, 10, 16))).reshape(
        60, 16
    )
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat([f"p{i}" for i in range(6)], 10)


def _loaded(name: str) -> ModuleType:
    """A module beside this file."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / f"{name}.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(ROOT / "tests" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """tests/hostile.py: makers of files that nothing should choke on."""
    return _loaded("hostile")


@pytest.fixture(scope="session")
def films() -> ModuleType:
    """tests/films.py: makers of small videos."""
    return _loaded("films")


@pytest.fixture(scope="session")
def hub_server() -> ModuleType:
    """tests/hub.py: a hub on the loopback address."""
    return _loaded("hub")


@pytest.fixture(scope="session")
def stores() -> ModuleType:
    """tests/stores.py: object stores on the loopback address."""
    return _loaded("stores")


@pytest.fixture
def hostile_folder(hostile: ModuleType, tmp_path: Path) -> dict[Path, str]:
    """Some forty hostile files in one folder: path -> the status that reading it must give."""
    expected: dict[Path, str] = hostile.make_hostile_folder(tmp_path / "hostile")
    return expected


@pytest.fixture
def not_faces(rng: np.random.Generator) -> dict[str, NDArray[np.uint8]]:
    """Images (H,W,3) uint8 without a face, by name; `car` is a car's front, the likeliest drawing
    to be taken for one."""
    import cv2

    noise = rng.integers(0, 256, (250, 250, 3), dtype=np.uint8)
    car = np.full((300, 400, 3), 150, np.uint8)
    cv2.rectangle(car, (60, 80), (340, 260), (160, 30, 30), -1)
    cv2.rectangle(car, (100, 90), (300, 150), (50, 40, 30), -1)
    cv2.circle(car, (100, 190), 26, (230, 250, 250), -1)
    cv2.circle(car, (300, 190), 26, (230, 250, 250), -1)
    cv2.rectangle(car, (140, 180), (260, 230), (40, 40, 40), -1)
    cv2.rectangle(car, (165, 238), (235, 256), (240, 240, 240), -1)
    images = {
        f"cloud {s}": cv2.GaussianBlur(noise, (0, 0), s).astype(np.float32) for s in (2, 4, 8, 16)
    }
    stretched = {k: ((v - v.min()) * (255 / np.ptp(v))).astype(np.uint8) for k, v in images.items()}
    flat = {f"flat {v}": np.full((250, 250, 3), v, np.uint8) for v in (0, 127, 255)}
    sizes = {f"noise {n}": rng.integers(0, 256, (n, n, 3), dtype=np.uint8) for n in (32, 112, 900)}
    odd = {"pixel": np.zeros((1, 1, 3), np.uint8), "line": np.zeros((1, 900, 3), np.uint8)}
    return {"car": car, "noise": noise, **stretched, **flat, **sizes, **odd}


@pytest.fixture
def figures(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Each figure that is saved during the test, once, in order; a file becomes one white pixel."""
    from matplotlib.figure import Figure
    from PIL import Image

    saved: list[Any] = []

    def savefig(self: Any, file: Any, **options: Any) -> None:
        if not saved or saved[-1] is not self:
            saved.append(self)
        if options.get("format") == "png":
            pixel = io.BytesIO()
            Image.new("RGB", (1, 1), "white").save(pixel, "png")
            file.write(pixel.getvalue())

    monkeypatch.setattr(Figure, "savefig", savefig)
    return saved


@pytest.fixture
def photo_folder(tmp_path: Path, films: ModuleType) -> Path:
    """A working folder as the pages assume it: `photos/astronaut.png`, a real portrait
    (scikit-image's, public domain), and `drive.mp4`, a drawn film."""
    from PIL import Image
    from skimage.data import astronaut

    films.write(tmp_path / "drive.mp4", films.pictures(12))
    (tmp_path / "photos").mkdir()
    Image.fromarray(astronaut()).save(tmp_path / "photos" / "astronaut.png")
    return tmp_path


@pytest.fixture(scope="session")
def torch_recognizer() -> Any:
    """A tiny recognizer in torch with all that probes ask of one (BatchNorm2d, trunk and tail,
    dropout .3), its statistics those of drawn faces."""
    import cv2
    import torch

    from fiqa.faces.factors.structure import drawing
    from fiqa.nets.recognizer import TorchRecognizer
    from fiqa.runtime.cards import ModelInput

    class Tiny(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = torch.nn.Sequential(
                torch.nn.Conv2d(3, 6, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(6)
            )
            self.second = torch.nn.Sequential(
                torch.nn.Conv2d(6, 8, 3, 2, 1, bias=False), torch.nn.BatchNorm2d(8)
            )
            self.last = torch.nn.Linear(8 * 49, 12)

        def trunk(self, x: Any) -> Any:
            x = torch.relu_(self.second(torch.relu_(self.first(x))))
            return torch.nn.functional.adaptive_avg_pool2d(x, 7).flatten(1)

        def tail(self, features: Any) -> Any:
            return self.last(features)

        def forward(self, x: Any) -> Any:
            return self.tail(self.trunk(x))

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(11)
        net = Tiny()
        for layer in net.modules():
            if isinstance(layer, torch.nn.BatchNorm2d):
                layer.momentum = None
        draw = np.random.default_rng(1)
        texture = [
            cv2.GaussianBlur(draw.normal(size=(112, 112)), (0, 0), 0.9 + 0.1 * (i % 7))
            for i in range(16)
        ]
        luma = np.stack(
            [150 + 4 * (i % 7) + 100 * drawing() + 14 * t for i, t in enumerate(texture)]
        )
        crops = np.clip(np.stack([luma + 15, luma, luma - 10], axis=-1), 0, 255).astype(np.uint8)
        spec = ModelInput(
            size=112, color="BGR", layout="NCHW", scale=255, mean=(0.5,) * 3, std=(0.4, 0.5, 0.6)
        )
        made = TorchRecognizer(net, spec)
        made.net.train()
        with torch.no_grad():
            made.net(made.tensor(crops))
    return TorchRecognizer(made.net, spec, name="tiny", dropout=0.3)
