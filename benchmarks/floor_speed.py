"""`fiqa.score` on every core over its floor: decoding, the detector and the network, and nothing
else.

Both run in as many processes, are started anew in each round and take turns; what is compared is
the processor time of all processes together, start-up included, so that a busy machine slows both.
Photographs are those of DATA/photos (without them: skipped), crops those of DATA/lfw/aligned, else
pictures made here.

Usage: python benchmarks/floor_speed.py [--part crops] [--quick] [--data DATA]
"""

from __future__ import annotations

import os

# as in score_speed
os.environ |= dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

import resource
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from bench import Result, Setting, Skip, in_turns, main, ratio, timed
from score_speed import crops_of

LIMIT, EXPLAINED = 1.15, 1.3
"""Of all over the floor, without and with reasons."""


@dataclass(frozen=True)
class Floor:
    """Decodes, detects and runs the network, 32 images after 32.

    Attributes:
        detector: its name, "" for aligned crops.
    """

    detector: str

    def __getstate__(self) -> dict[str, Any]:
        return {"detector": self.detector}

    @cached_property
    def model(self) -> Any:
        """The bundled network."""
        import fiqa

        return fiqa.load().model  # type: ignore[attr-defined]

    @cached_property
    def finder(self) -> Any:
        """The detector."""
        from fiqa.faces.detectors import detector

        return detector(self.detector)

    def __call__(self, paths: Sequence[str]) -> list[None]:
        """Returns nothing for each image; `[]` loads."""
        from fiqa.data.images import read_image

        model = self.model
        if self.detector:
            _ = self.finder
        crops = np.zeros((len(paths), 112, 112, 3), np.uint8)
        for i, path in enumerate(paths):
            image = read_image(path)
            if self.detector:
                self.finder.detect(image.pixels)
            else:
                crops[i] = image.pixels
        if paths:
            model.run(crops)
        return [None] * len(paths)


def processor_time() -> float:
    """Seconds of this process and of its children that have ended."""
    whose = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN
    return sum(sum(resource.getrusage(who)[:2]) for who in whose)


def over_floor(
    files: list[str], detector: str, setting: Setting, *, explain: bool, limit: float
) -> Result:
    """What a table of scores takes, over the floor."""
    # by the module's name: other processes do not see this one's __main__
    import floor_speed

    from fiqa import Manifest
    from fiqa.execute.local import cores, map_batches
    from fiqa.scoring.run import plan, write_scores

    manifest = Manifest([f"{i:07d}" for i in range(len(files))], files)
    kind: dict[str, Any] = {"detector": detector} if detector else {"aligned": True}
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out.parquet"
        calls = {
            "decode, detector and network (floor)": lambda: list(
                map_batches(floor_speed.Floor(detector), files, died=lambda _: None)
            ),
            "fiqa.score to a Parquet table": lambda: write_scores(
                plan(manifest, explain=explain, **kind), out, force=True
            ),
        }
        took = in_turns(calls, setting.rounds(5), processor_time)
    floor, every = took.values()
    details = tuple(
        timed(name, seconds, len(files), "ms an image") for name, seconds in took.items()
    )
    what = (
        f"fiqa.score{' with reasons' if explain else ''} of {len(files):,}"
        f" {'photographs' if detector else 'crops'}, {cores()} processes, over the floor"
    )
    return Result(what, ratio(every, floor), limit, details)


def _photos(setting: Setting, *, explain: bool, limit: float) -> Result:
    from fiqa.faces.detectors import decided

    there = sorted(map(str, (setting.data / "photos").glob("*.jpg")))
    if not there:
        raise Skip("the photographs of DATA/photos are needed")
    count = setting.count(960, 40)
    files = [there[i % len(there)] for i in range(count)]
    return over_floor(files, decided("auto"), setting, explain=explain, limit=limit)


def _crops(setting: Setting, *, explain: bool, limit: float) -> Result:
    with tempfile.TemporaryDirectory() as scratch:
        files = crops_of(setting, Path(scratch), setting.count(4000, 40))
        return over_floor(files, "", setting, explain=explain, limit=limit)


def photos(setting: Setting) -> Result:
    """Photographs."""
    return _photos(setting, explain=False, limit=LIMIT)


def photos_explained(setting: Setting) -> Result:
    """Photographs, with reasons."""
    return _photos(setting, explain=True, limit=EXPLAINED)


def crops(setting: Setting) -> Result:
    """Aligned crops."""
    return _crops(setting, explain=False, limit=LIMIT)


def crops_explained(setting: Setting) -> Result:
    """Aligned crops, with reasons."""
    return _crops(setting, explain=True, limit=EXPLAINED)


PARTS = {
    "photos": photos,
    "photos_explained": photos_explained,
    "crops": crops,
    "crops_explained": crops_explained,
}

if __name__ == "__main__":
    main(__doc__, PARTS)
