"""The whole of fiqa on one real photograph, and on a film drawn from it: `make demo`.

It takes the portrait that scikit-image carries (Eileen Collins, by NASA, public domain), scores it
as `fiqa score` would, then degrades the face on purpose, in seven ways and five strengths each, to
see whether the score falls and says why. At last it draws a short film of the portrait, moved,
blurred, covered and darkened, and follows the face through it as `fiqa select` would. It writes
portrait.png, sheet.html (the contact sheet), ladders.png, film.mp4, film/ (the best shots and the
page of their timeline), faces/ and scores.parquet (for the studio), in well under a minute.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

import fiqa
from fiqa.data.images import read_image, write_image
from fiqa.data.store import atomic_path
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.faces.align import faces_from
from fiqa.faces.degrade import KINDS, degrade, ladder
from fiqa.faces.detection import choose
from fiqa.faces.detectors import detector
from fiqa.report.picture import save_ladders_png
from fiqa.report.sheet import sheet
from fiqa.types import Faces, Scorer
from fiqa.vocabulary import FACTORS, LEVELS

sys.path.insert(0, str(Path(__file__).parent))
from drawn_film import drawn, write_film

LADDERS = {
    "blur": "Blur",
    "low_light": "Darkness",
    "glare": "Glare",
    "mask": "Mask",
    "truncation": "Truncation",
    "low_resolution": "Low resolution",
    "nir": "Near infrared",
}
STEPS = 6


def explained(scorer: Scorer, face: Faces, name: str) -> dict[str, Any]:
    """Returns the row of the score table of one face in memory, as `fiqa score --explain` does."""
    raw, why = scorer.assess(face)
    uqs = scorer.unified(raw)
    qualities = {factor: float(why.quality[factor][0]) for factor in FACTORS} if why else {}
    return {
        "path": name,
        "status": "ok",
        "reasons": list(why.reasons[0]) if why else [],
        "raw": float(raw[0]),
        "uqs": int(uqs[0]),
        "level": LEVELS[scorer.calibration.level(raw)[0]],
        "factors": {
            factor: None if np.isnan(value) else value for factor, value in qualities.items()
        },
        "model": scorer.name,
    }


def aligned_portrait(path: Path) -> Faces:
    """Returns the one face of the portrait, aligned; dlib also reports a false face here."""
    image = read_image(path)
    chosen, status = choose(detector("dlib").detect(image.pixels))
    if status != "ok":
        raise SystemExit(f"no face on {path}: {status}")
    return faces_from(image, chosen)


def print_table(table: Mapping[str, list[dict[str, Any]]], labels: list[str]) -> None:
    """Prints the score of every rung, and what the worst one is told."""
    print(f"\n{'degradation':<16}{''.join(f'{label:>7}' for label in labels)}   at its worst")
    for kind, rows in table.items():
        reasons = ", ".join(rows[-1]["reasons"][:3])
        scores = "".join(f"{row['uqs']:>7}" for row in rows)
        print(f"{LADDERS[kind]:<16}{scores}   {reasons}")


def write_sheet(path: Path, cards: list[dict[str, Any]], crops: list[Any], command: str) -> None:
    """Writes the contact sheet."""
    page = sheet(
        cards,
        crops,
        title="One portrait, and seven ways to degrade it",
        footer=f"{command}; fiqa {fiqa.__version__}, recipes/demo.py",
    )
    with atomic_path(path) as aside:
        aside.write_text(page, encoding="utf-8")


def followed_film(out: Path, photograph: NDArray[np.uint8]) -> None:
    """Draws the film, follows the face through it, and prints its best shots."""
    film = out / "film.mp4"
    write_film(film, drawn(photograph, (320, 240), at=(70, 10)))
    print(f"\n$ fiqa select {film} --detector dlib -o {out / 'film'}    (a drawn film)")
    for track in fiqa.select(film, detector="dlib", out=out / "film"):
        shots = ", ".join(f"{shot.quality:.2f} at {shot.time:.1f} s" for shot in track.best)
        print(f"{track.id}: {track.start:.1f} to {track.end:.1f} s, best shots {shots}")


def write_faces(folder: Path, ladders: dict[str, list[NDArray[np.uint8]]]) -> None:
    """Writes the rungs of the ladders as faces of one person, and two drawn people, each as drawn,
    in less light and with a mask."""
    rungs = {
        f"{kind}-{step}": crop
        for kind, steps in ladders.items()
        for step, crop in enumerate(steps)
        if step in (0, 2, 4)
    }
    # every ladder begins at the same face
    rungs = {name: crop for name, crop in rungs.items() if not name.endswith("-0")} | {
        "clean": next(iter(ladders.values()))[0]
    }
    for name, crop in rungs.items():
        write_image(folder / "astronaut" / f"{name}.png", crop)
    for name, crop in zip(("drawn_a", "drawn_b"), drawn_faces(2).crops, strict=True):
        one = Faces(crop[None])
        shown = (one, degrade(one, "low_light", 0.8), degrade(one, "mask", 0.4))
        for number, face in enumerate(shown):
            write_image(folder / name / f"{number}.png", face.crops[0])


def main() -> None:
    """Runs the demo; `--help` lists its two options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for what is written")
    parser.add_argument(
        "--readme", type=Path, help="also write a small ladders.png there, for the README"
    )
    options = parser.parse_args()

    from skimage.data import astronaut

    options.out.mkdir(parents=True, exist_ok=True)
    portrait = options.out / "portrait.png"
    write_image(portrait, astronaut())

    # The main job, the same verb as on the command line.
    command = f"fiqa score {portrait} --detector dlib --explain"
    first = fiqa.score(portrait, detector="dlib", explain=True, workers=1).row(0, named=True)
    print(
        f"$ {command}\n{first['path']}: {first['uqs']} of 100, {first['level']}, by"
        f" {first['model']}"
    )
    print(
        "  "
        + ", ".join(
            f"{name} {value:.2f}" for name, value in first["factors"].items() if value is not None
        )
    )

    # The same face, degraded on purpose: the ladders.
    face, scorer = aligned_portrait(portrait), fiqa.load()
    labels = ["clean", *(f"{strength:.0%}" for strength in np.linspace(0, 1, STEPS)[1:])]
    rungs = {kind: ladder(face, kind, steps=STEPS) for kind in LADDERS}
    table = {
        kind: [
            explained(scorer, rung, f"{LADDERS[kind]}, {label}")
            for rung, label in zip(steps, labels, strict=True)
        ]
        for kind, steps in rungs.items()
    }
    print_table(table, labels)

    # The contact sheet: the portrait, then each ladder at 40 % and at 80 %.
    shown = [(kind, step) for kind in LADDERS for step in (2, 4)]
    cards = [first, *(table[kind][step] for kind, step in shown)]
    crops = [face.crops[0], *(rungs[kind][step].crops[0] for kind, step in shown)]
    write_sheet(options.out / "sheet.html", cards, crops, command)

    # The picture: every rung of every ladder.
    picture = {
        f"{LADDERS[kind]}\nlowers {KINDS[kind].lowers}": [
            (rung.crops[0], row) for rung, row in zip(rungs[kind], table[kind], strict=True)
        ]
        for kind in LADDERS
    }
    title = "Does the score see it, and say why?"
    lead = (
        "One face, degraded on purpose. Under each: quality 0..100, its level, the first reason"
        " given."
    )
    save_ladders_png(picture, options.out / "ladders.png", labels=labels, title=title, lead=lead)
    if options.readme:
        options.readme.mkdir(parents=True, exist_ok=True)
        small = options.readme / "ladders.png"
        save_ladders_png(picture, small, labels=labels, title=title, lead=lead, colors=256)
    followed_film(options.out, astronaut())
    faces, scores = options.out / "faces", options.out / "scores.parquet"
    write_faces(faces, {kind: [f.crops[0] for f in s] for kind, s in rungs.items()})
    fiqa.score(faces, aligned=True, explain=True, workers=1, out=scores)
    print(f"\nopen {options.out / 'sheet.html'} and {options.out / 'ladders.png'}")
    print(f"and the timeline of the film: {options.out / 'film' / 'index.html'}")
    program = Path(sys.executable).with_name("fiqa")
    store = options.out / "studio.sqlite"
    print("\nopen the studio on these faces, to choose the best one of each person:")
    print(f"  {program} studio {faces} --store {store} --scores {scores}")


if __name__ == "__main__":
    main()
