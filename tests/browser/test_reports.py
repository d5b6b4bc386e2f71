"""Every page that fiqa writes, in a real browser: readable by all, on a desk and on a phone, in
light and in dark; nothing is loaded, every control is reached with the keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.report.evaluation.page import evaluation_page
from fiqa.report.evaluation.plots import plots
from fiqa.report.findings import findings_page
from fiqa.report.monitor import health_page
from fiqa.report.sheet import sheet
from fiqa.report.threshold import cut_page
from fiqa.report.timeline import Lane, Pick, Timeline, timeline_page
from fiqa.report.training import run_page
from fiqa.types import Embeddings, Quality
from fiqa.vocabulary import ADVICE, FACTORS, ISSUES, LEVELS

LONG = "a_very_long_name_without_any_place_to_break_it_" * 3
KINDS = ("sheet", "evaluation", "threshold", "clean", "select", "monitor", "train")


def _sheet() -> str:
    crops, reasons = drawn_faces(70, seed=1).crops, list(ADVICE)
    rows: list[dict[str, Any]] = []
    for k in range(70):
        uqs = (37 * k) % 101
        rows.append(
            {
                "path": f"in/p{k % 9}/{LONG if k == 3 else k}.jpg", "face_index": 0,
                "status": "ok", "uqs": uqs, "level": LEVELS[min(uqs // 20, 4)],
                "reasons": [] if uqs > 70 else [reasons[k % len(reasons)], reasons[(k + 1) % 3]],
                "factors": {name: ((k * 7 + i * 13) % 100) / 100 for i, name in enumerate(FACTORS)},
                "model": "default", "detector": "hog", "identity": f"p{k % 9}",
                "notes": "converted=cmyk" if k % 10 == 0 else None,
            }
        )  # fmt: skip
    rows[5] |= {"status": "no_face", "uqs": None, "level": None, "reasons": None, "factors": None}
    held = [None if row["uqs"] is None else crop for row, crop in zip(rows, crops, strict=True)]
    return sheet(rows, held, folder=".", footer=f"fiqa score in --html {LONG}.html")


def _evidence(rng: np.random.Generator) -> tuple[list[Quality], list[Embeddings]]:
    true, who = rng.random(400), np.repeat(np.arange(100), 4)
    held = []
    for name in ("arcface_r50", "facenet_with_a_long_name"):
        noise = np.where(true < 0.2, 3.0, 0.3)[:, None] * rng.normal(size=(400, 16))
        vectors = rng.normal(size=(100, 16))[who] + noise
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
        held.append(Embeddings(ids, vectors, np.ones(400), name))
    blurred = true + 0.2 * rng.normal(size=400)
    return [Quality(ids, true, "default"), Quality(ids, blurred, "second <b>")], held


def _evaluation(rng: np.random.Generator) -> str:
    quality, held = _evidence(rng)
    found = fiqa.evaluate(quality, held, fmr=0.01, draws=5)
    return evaluation_page(found, plots(found), version="9.8.7")


def _threshold(rng: np.random.Generator) -> str:
    quality, held = _evidence(rng)
    return cut_page(fiqa.threshold(quality[0], held[0], fmr=0.01, fnmr=[0.1, 0.03], draws=5))


def _clean() -> str:
    pictures = drawn_faces(40, seed=2).crops
    rows = []
    for place, issue in enumerate(ISSUES):
        for k in range(3):
            two = issue.startswith(("near", "exact", "two", "leak", "wrong"))
            number = (3 * place + k) % 39
            rows.append(
                {
                    "path": f"in/p{k}/{number}.jpg", "id": f"p{k}/{LONG if k == 2 else number}",
                    "issue": issue, "score": 0.9 - k / 10,
                    "evidence": "Similarity .31 to the person, .78 to another.",
                    "other": f"in/q/{number + 1}.jpg" if two else "", "other_id": f"q/{number + 1}",
                }
            )  # fmt: skip
    return findings_page(
        rows, lambda path: pictures[int(Path(path).stem)], verdict="39 findings in 258 images.",
        skipped={"wrong_person": "no embeddings were given"}, looked=dict.fromkeys(ISSUES, 258),
        notes=["Nothing was moved."], footer="fiqa clean in --html clean.html",
    )  # fmt: skip


def _select(rng: np.random.Generator) -> str:
    crops, times = drawn_faces(6, seed=3).crops, np.linspace(0, 40, 160)
    middle = np.clip(0.5 + 0.3 * np.sin(times / 4) + 0.05 * rng.normal(size=160), 0, 1)
    middle[60:80] = np.nan
    picks = [Pick(8.0 * i, 0.9 - i / 10, crop, "blurry" * (i > 3)) for i, crop in enumerate(crops)]
    lanes = [
        Lane(f"{LONG}-{k}", 0.0, 40.0, times, middle, middle - 0.05, middle + 0.05, picks,
             "160 frames, rgb", ["below_floor"] * k)
        for k in range(2)
    ]  # fmt: skip
    states = [(10.0, 14.0, "covered"), (15.0, 17.0, "too_dark"), (30.0, float("inf"), "no_face")]
    clips = [Timeline("drive", "drive.mp4: 40 s", 40.0, (0.5, 0.4), lanes, states)]
    return timeline_page(clips, lead="1 clip, 2 tracks, 12 best shots.", footer="fiqa select d.mp4")


def _monitor(rng: np.random.Generator) -> str:
    tables: dict[str, pl.DataFrame] = {}
    for name, shift in (("fit", 0.0), ("low", 0.12)):
        parts = []
        for camera, regime in (("front", "nir"), ("front <b>", "rgb")):
            drives = np.repeat([f"{name}{camera}{k}" for k in range(40)], 60)
            raw = 0.5 - shift * (regime == "rgb") + 0.1 * rng.normal(size=2400)
            columns = {"drive": drives, "camera": camera, "regime": regime, "raw": raw}
            parts.append(pl.DataFrame(columns))
        tables[name] = pl.concat(parts)
    return health_page(fiqa.monitor(tables["low"], reference=tables["fit"], draws=100))


def _train() -> str:
    rows = [
        {"step": k, "epoch": k / 2, "images": 10 * k, "lr": 1e-3, "loss": 1 / k, "mae": 1 / k,
         "rmse": 1.2 / k, "spearman": k / 10, "seconds": float(k), "images_per_second": 10.0,
         "waiting": 0.25, "spearman_identity": 0.5, "spearman_middle": 0.4, "q90_q10": 0.3}
        for k in range(1, 9)
    ]  # fmt: skip
    return run_page("first", {"seed": 1, "data": {"faces": LONG + LONG}}, rows, ["mae", "spearman"])


@pytest.fixture(scope="module")
def pages() -> Callable[[str], str]:
    """The page of a kind, made when it is first asked for."""
    held: dict[str, str] = {}

    def made(kind: str) -> str:
        if kind not in held:
            rng = np.random.default_rng(5)
            makers: dict[str, Callable[[], str]] = {
                "sheet": _sheet,
                "evaluation": lambda: _evaluation(rng),
                "threshold": lambda: _threshold(rng),
                "clean": _clean,
                "select": lambda: _select(rng),
                "monitor": lambda: _monitor(rng),
                "train": _train,
            }
            held[kind] = makers[kind]()
        return held[kind]

    return made


@pytest.mark.parametrize(
    ("kind", "width", "dark"),
    [
        pytest.param(
            kind, width, dark,
            marks=() if (kind, width, dark) == ("clean", "phone", True) else pytest.mark.slow,
            id=f"{kind} {width} {'dark' if dark else 'light'}",
        )
        for kind in KINDS
        for width in ("desk", "phone")
        for dark in (False, True)
    ],
)  # fmt: skip
def test_a_page_can_be_read_by_all(
    pages: Callable[[str], str], visit: Any, axe: Any, overflow: Any,
    kind: str, width: str, dark: bool,
) -> None:  # fmt: skip
    page = visit(pages(kind), width=width, dark=dark)
    assert overflow(page) <= 0, "the page is no wider than its window"
    assert axe(page) == []
    ground = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(","))) < 150) == dark


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_keyboard_reaches_every_control(
    pages: Callable[[str], str], visit: Any, reached: Any, kind: str
) -> None:
    assert reached(visit(pages(kind))) == []
