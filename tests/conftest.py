"""Shared fixtures: the measuring data beside the checkout (optional), small synthetic faces, a quiet environment."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from numpy.typing import NDArray

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("MPLBACKEND", "Agg")

ROOT = Path(__file__).resolve().parents[1]
DATA = Path(os.environ.get("FIQA_TEST_DATA", ROOT.parent / "shared" / "data"))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Everything in tests/realdata needs the measuring data; without it each test is skipped and says why."""
    skip = pytest.mark.skip(reason=f"needs the measuring data at {DATA} (set FIQA_TEST_DATA to point elsewhere)")
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


@pytest.fixture(autouse=True)
def _home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a FIQA_HOME of its own, so nothing on the developer's machine changes a result."""
    monkeypatch.setenv("FIQA_HOME", str(tmp_path_factory.mktemp("home")))


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator with a fixed seed."""
    return np.random.default_rng(20240)


@pytest.fixture
def clustered(rng: np.random.Generator) -> tuple[NDArray[np.float32], NDArray[np.str_]]:
    """(embeddings (60,16) unit rows, identities (60,)): six people with ten images each, of growing noise."""
    centers = rng.normal(size=(6, 16))
    noise = np.linspace(0.1, 1.5, 10)
    vectors = (centers[:, None, :] + noise[None, :, None] * rng.normal(size=(6, 10, 16))).reshape(60, 16)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors.astype(np.float32), np.repeat([f"p{i}" for i in range(6)], 10)


@pytest.fixture(scope="session")
def hostile() -> ModuleType:
    """tests/hostile.py: makers of files that nothing should choke on."""
    spec = importlib.util.spec_from_file_location("hostile", ROOT / "tests" / "hostile.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(ROOT / "tests" / "hostile.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def hostile_folder(hostile: ModuleType, tmp_path: Path) -> dict[Path, str]:
    """Some forty hostile files in one folder: path -> the status that reading it must give."""
    expected: dict[Path, str] = hostile.make_hostile_folder(tmp_path / "hostile")
    return expected
