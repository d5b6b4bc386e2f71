"""Folders as `select` writes them, made of vectors and qualities that are known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.embeddings import write_embeddings
from fiqa.data.images import write_image
from fiqa.data.store import make_record, write_sidecar
from fiqa.types import Embeddings

FACES = np.linalg.qr(np.random.default_rng(0).normal(size=(16, 16)))[0]


@dataclass(frozen=True)
class Drawn:
    """A track: whose face, its number in its video, how good, how far its vector is off."""

    who: int
    video: str = "drive"
    number: int = 1
    quality: float = 0.7
    regime: str = "rgb"
    off: float = 0.2
    like: int | None = None

    @property
    def name(self) -> str:
        return f"{self.video}-{self.number}"

    def vector(self) -> np.ndarray:
        rng = np.random.default_rng(abs(hash_of(self.name)) + self.who)
        noise = rng.normal(size=16)
        face = FACES[self.who] + self.off * noise / np.linalg.norm(noise)
        if self.like is not None:
            face = 0.7 * face + 0.7 * FACES[self.like]
        return face / np.linalg.norm(face)


def hash_of(text: str) -> int:
    return sum(ord(letter) * 31**i for i, letter in enumerate(text)) % 100_003


@pytest.fixture
def drawn() -> type[Drawn]:
    """The kind of track that `folder` takes."""
    return Drawn


@pytest.fixture
def folder(tmp_path: Path) -> Callable[..., Path]:
    """Writes a folder of tracks as `select` does."""

    def make(name: str, tracks: Sequence[Drawn], threshold: float = 0.4, known: str = "k") -> Path:
        out = tmp_path / name
        frames, rows, events = [], [], []
        for track in tracks:
            video = f"{track.video}.mp4"
            for i in range(10):
                pick = i == 5
                frames.append(
                    {
                        "id": f"{track.name}@{i}",
                        "path": f"best/{track.name}/1.png" if pick else video,
                        "status": "ok" if pick else "not_kept", "video": video, "frame": i,
                        "time_s": i / 10, "track": track.name, "identity": "",
                        "quality": track.quality + 0.01 * (i - 5), "state": "ok",
                    }
                )  # fmt: skip
            rng = np.random.default_rng(hash_of(track.name))
            crop = rng.integers(0, 256, (112, 112, 3), np.uint8)
            write_image(out / "best" / track.name / "1.png", crop)
            rows.append({"video": video, "track": track.name, "frames": 10, "shots": 1,
                         "regime": track.regime})  # fmt: skip
            events.append({"video": video, "kind": "track_started", "track": track.name})
        pl.DataFrame(frames).write_parquet(out / "frames.parquet")
        pl.DataFrame(rows).write_parquet(out / "tracks.parquet")
        pl.DataFrame(events).write_csv(out / "events.csv")
        vectors = np.array([track.vector() for track in tracks], np.float32)
        ids = np.array([track.name for track in tracks])
        write_embeddings(Embeddings(ids, vectors, recognizer=known), out / "templates.npz")
        page = "".join(f"<h3>{track.name}</h3>" for track in tracks)
        (out / "index.html").write_text(f"<meta content=\"default-src 'none'\">{page}")
        arguments = {"threshold": threshold, "floor": [0.5, 0.4], "name": name}
        record = make_record("select", arguments=arguments, inputs={})
        found = {"clips": 1, "failed": 0, "tracks": len(rows), "shots": len(rows)}
        write_sidecar(out, record, learned={"found": found})
        return out

    return make
