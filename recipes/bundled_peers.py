"""The bundled model against its peers, on people and damage that it has not seen.

    python recipes/bundled_peers.py ../shared/data runs/peers [NAME=MODEL.onnx ...]

LFW's people for the test (1,711), clean and degraded, and the people of Extended Yale B who taught
nothing of the quality, under their 64 lights; recognizers A and B, and there dlib's, which
taught nothing; iso, FMR 1e-3, all pairs; areas as mean FNMR / FNMR at discard 0, with the paired
difference to the first model and its interval over people. Without models it is the two bundled
ones. The degraded copy is made here: half of the faces get one kind of damage, drawn alike from all
kinds, strength evenly up to 0.6. The bundled models have learned from these kinds, on other people
and with other draws.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from bundled_light import held
from splits import CARDS, needs, people, processes, write_recognizers

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import read_image
from fiqa.data.quality import join_quality, read_quality
from fiqa.data.store import atomic_path
from fiqa.errors import EvidenceError, InputError
from fiqa.faces.degrade import KINDS, degrade
from fiqa.functional.agreement import per_identity, spearman
from fiqa.scoring.run import plan, write_scores
from fiqa.types import Faces, Quality

# Of the copies: half of the faces, at strengths that leave most of them recognizable.
SEED, SHARE, MOST = 7001, 0.5, 0.6
LEAST = 5
"""Images of a person from which a rank correlation inside the person means something."""
METHODS = ("analytic", "laplacian")
BUNDLED = {"fiqa": "fiqa", "fiqa-large": "fiqa-large"}
RECOGNIZERS = {"clean": ("a", "b"), "degraded": ("a", "b"), "real light": ("a", "b", "dlib")}
"""By set: dlib's, which taught nothing, is slow."""


def write_copy(path: Path, out: Path, kinds: Sequence[str]) -> None:
    """Writes one crop, degraded by one of the kinds or as it is."""
    cv2.setNumThreads(1)
    face = Faces(read_image(path).pixels[None])
    rng = np.random.default_rng([SEED, *path.name.encode()])
    if rng.random() < SHARE:
        face = degrade(face, str(rng.choice(list(kinds))), float(rng.uniform(0, MOST)), seed=SEED)
    target = out / path.parent.name / path.name
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic_path(target) as aside:
        cv2.imwrite(
            str(aside),
            np.ascontiguousarray(face.crops[0][..., ::-1]),
            [cv2.IMWRITE_JPEG_QUALITY, 90],
        )


def crops(data: Path, out: Path, kinds: Sequence[str] = tuple(KINDS)) -> dict[str, Path]:
    """Name -> list file or folder of the two test sets of LFW, the second spoiled by the kinds."""
    paths = [
        path.resolve()
        for name in people(data, "Test")
        for path in sorted((data / "lfw/aligned" / name).glob("*.jpg"))
    ]
    clean, degraded = out / "clean.txt", out / "degraded"
    clean.write_text("".join(f"{path}\n" for path in paths))
    missing = [path for path in paths if not (degraded / path.parent.name / path.name).is_file()]
    if missing:
        with processes() as pool:
            work = partial(write_copy, out=degraded, kinds=kinds)
            list(pool.map(work, missing, chunksize=64))
    return {"clean": clean, "degraded": degraded}


def lit(data: Path, out: Path) -> Path:
    """A list file of the people under known lights who taught nothing of the quality."""
    file = out / "light.txt"
    paths = [path.resolve() for folder in held(data) for path in sorted(folder.glob("*.jpg"))]
    file.write_text("".join(f"{path}\n" for path in paths))
    return file


def scored(name: str, crops: Path, model: str, out: Path) -> Quality:
    """The scores of one model on one set; made again where the file is of another model."""
    file = out / f"{name}.parquet"
    write_scores(plan(crops, aligned=True, model=model), file)
    return read_quality(file, method=name)


def qualities(
    data: Path, crops: Path, models: dict[str, str], vectors: dict[str, Any], out: Path
) -> list[Quality]:
    """Every quality of one set, the models first."""
    lightqnet = str(data / "models/lightqnet-dm100.pb")
    scores = [
        scored(name, crops, model, out)
        for name, model in {**models, "lightqnet-dm100": lightqnet}.items()
    ]
    scores += [
        Quality(v.id, v.norm, f"norm of {name.upper()}")
        for name, v in vectors.items()
        if name in CARDS
    ]
    return scores + [scored(name, crops, name, out) for name in METHODS]


def inside(quality: Quality, vector: Any, template: Any) -> float:
    """Mean Spearman, inside each person of LEAST images or more, of score and mated similarity.

    That is the mean similarity to the clean images of the others of the person.
    """
    value = quality.at(vector.id)
    who = np.array([name.split("/")[0] for name in vector.id.tolist()])
    place = {name: row for row, name in enumerate(template.id.tolist())}
    clean = template.vector[[place[name] for name in vector.id.tolist()]]
    mated = np.zeros(len(who))
    for person in np.unique(who):
        rows = np.flatnonzero(who == person)
        similarity = vector.vector[rows] @ clean[rows].T
        mated[rows] = (similarity.sum(1) - np.diag(similarity)) / max(len(rows) - 1, 1)
    many = np.isin(
        who, [p for p, n in zip(*np.unique(who, return_counts=True), strict=True) if n >= LEAST]
    )
    return per_identity(spearman, value[many], mated[many], who[many])[0]


def areas(scores: list[Quality], vector: Any) -> dict[str, list[str]]:
    """Name -> texts: area, interval and paired difference to the first, for each limit."""
    texts: dict[str, list[str]] = {quality.method: [] for quality in scores}
    # The paired difference is of the first limit alone, so each limit comes first once.
    for limits in ((0.3, 0.95), (0.95, 0.3)):
        result = fiqa.evaluate(scores, vector, fmr=1e-3, limits=limits, draws=500).recognizers[0]
        for curve in result.curves:
            if curve.name not in texts:
                continue
            area, gap = curve.areas[limits[0], "start"], curve.difference
            text = f"{area.value:.3f} ({area.low:.3f}..{area.high:.3f})"
            texts[curve.name] += [
                text,
                "" if gap is None else f"{gap.difference:+.3f} ({gap.low:+.3f}..{gap.high:+.3f})",
            ]
    return texts


def main(data: Path, out: Path, models: dict[str, str]) -> None:
    """Prints the tables."""
    out.mkdir(parents=True, exist_ok=True)
    write_recognizers(data, out)
    template: dict[str, Any] = {}
    for name, source in {**crops(data, out), "real light": lit(data, out)}.items():
        folder = out / f"scores_{name.replace(' ', '_')}"
        folder.mkdir(exist_ok=True)
        for r in RECOGNIZERS[name]:
            recognizer = out / f"recognizer_{r}.onnx" if r in CARDS else r
            fiqa.embed(source, recognizer=recognizer, out=folder / f"{r}.npz")
        vectors = {r: read_embeddings(folder / f"{r}.npz") for r in RECOGNIZERS[name]}
        # The clean set comes first: its vectors are what degraded images are compared with.
        template = vectors if name != "degraded" else template
        scores = qualities(data, source, models, vectors, folder)
        peers = {"all": scores}
        if name == "clean":
            file = read_quality(data / "lfw/faceqnet_v1_scores.csv", method="FaceQnet")
            peers["with FaceQnet"] = [
                scores[0],
                join_quality(file, vectors["a"].id, match="stem").quality,
            ]
        for r, vector in vectors.items():
            for title, chosen in peers.items():
                who = f"recognizer {r.upper()}" if r in CARDS else f"{r}'s recognizer"
                print(f"\n**{name}, {who}, {title}**\n")
                print(
                    "| score | area to .3 | less the first's | area to .95 | less the first's |"
                    " Spearman inside a person |"
                )
                print("|---|---|---|---|---|---|")
                table = areas(chosen, vector)
                for quality in chosen:
                    try:
                        order = f"{inside(quality, vector, template[r]):.3f}"
                    except (EvidenceError, InputError):
                        order = ""
                    print("| " + " | ".join([quality.method, *table[quality.method], order]) + " |")


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    place, target, *rest = sys.argv[1:]
    read = ("lfw/aligned", "lfw/peopleDevTest.txt", "lfw/faceqnet_v1_scores.csv", "yaleb")
    needs(Path(place), *read, "models/lightqnet-dm100.pb")
    main(Path(place), Path(target), dict(pair.split("=", 1) for pair in rest) or BUNDLED)
