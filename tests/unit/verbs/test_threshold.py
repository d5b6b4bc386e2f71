"""`threshold`: the pure function on gathered evidence, the 0..100 scale, groups, what is refused,
and what is written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.quality import write_quality
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.functional.threshold import choose_cut
from fiqa.types import Embeddings, Manifest, Quality

pytestmark = pytest.mark.numeric


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """200 people with 4 images each; the images of low quality are of nobody in particular."""
    rng = np.random.default_rng(7)
    people, each = 200, 4
    n = people * each
    true = rng.random(n).astype(np.float32)
    who = np.repeat(np.arange(people), each)
    vectors = rng.normal(size=(people, 24))[who] + np.where(true < 0.15, 4.0, 0.35)[
        :, None
    ] * rng.normal(size=(n, 24))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(n), strict=True)])
    camera = np.where(rng.random(n) < np.where(true < 0.15, 0.9, 0.3), "nir", "rgb")
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "quality": Quality(ids, true, "mine"),
        "vectors": Embeddings(ids, vectors, None, "rec"),  # type: ignore[arg-type]
        "faces": Manifest(ids, ids, np.array([f"p{p}" for p in who]), columns={"camera": camera}),
    }


def test_the_cut_is_that_of_the_pure_function(here: dict[str, Any]) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], fnmr=0.02, fmr=0.01, seed=3)
    i, j = np.triu_indices(len(here["ids"]), 1)
    similarity = np.einsum("pd,pd->p", here["vectors"].vector[i], here["vectors"].vector[j])
    expected = choose_cut(
        similarity,
        here["who"][i] == here["who"][j],
        np.stack([i, j], axis=1),
        here["quality"].value,
        here["who"],
        fnmr=0.02,
        fmr=0.01,
        seed=3,
    )
    assert found.cut.cut == expected.cut
    assert found.cut.coverage == expected.coverage
    assert found.cut.threshold == pytest.approx(expected.threshold, abs=1e-6)
    assert found.cut.fnmr.value <= 0.02 < found.cut.fnmr_start
    assert 0.1 < found.cut.cut.value < 0.2
    assert found.uqs is None


def test_lower_is_better_is_named_and_can_be_turned(here: dict[str, Any], tmp_path: Path) -> None:
    """A file of badness gives the cut of goodness with its sign turned, by the same images."""
    bad = Quality(here["ids"], 1 - here["quality"].value, "badness")
    good = Quality(here["ids"], -bad.value, "badness")
    arguments: dict[str, Any] = {"coverage": 0.8, "fmr": 0.01, "seed": 3}
    wrong = fiqa.threshold(bad, here["vectors"], **arguments)
    assert any("badness is worse than random here" in note for note in wrong.notes)
    assert any("--flip turns it" in note for note in wrong.notes)
    turned = fiqa.threshold(bad, here["vectors"], flip=True, **arguments)
    assert turned.cut == fiqa.threshold(good, here["vectors"], **arguments).cut
    assert turned.notes[1].startswith("Lower is better in badness: its sign was turned.")
    kept = bad.value <= -turned.cut.cut.value
    assert kept.mean() == pytest.approx(0.8, abs=0.01)
    with pytest.raises(EvidenceError) as refused:
        fiqa.threshold(bad, here["vectors"], fnmr=0.005, fmr=0.01)
    assert "--flip" in str(refused.value.hint)
    write_quality(bad, tmp_path / "bad.csv")
    write_embeddings(here["vectors"], tmp_path / "e.npz")
    words = ["threshold", "--quality", str(tmp_path / "bad.csv"), "--coverage", "0.8", "--flip"]
    words += ["--embeddings", str(tmp_path / "e.npz"), "--fmr", "0.01", "--seed", "3", "--quiet"]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    assert "its sign was turned" in done.stdout


def test_a_wanted_coverage(here: dict[str, Any]) -> None:
    found = fiqa.threshold(here["quality"], here["vectors"], coverage=0.9, fmr=0.01)
    assert found.cut.coverage.value == pytest.approx(0.9, abs=0.002)
    assert found.cut.cut.value == pytest.approx(np.quantile(here["quality"].value, 0.1), abs=0.01)
    assert "for coverage 0.9 at FMR 0.01 under rec" in found.text()


def test_groups_pay_what_the_cut_costs_them(here: dict[str, Any]) -> None:
    found = fiqa.threshold(
        here["quality"], here["vectors"], faces=here["faces"], group="camera", fnmr=0.02, fmr=0.01
    )
    nir, rgb = found.cut.groups
    assert (nir.name, rgb.name) == ("nir", "rgb")
    gone = here["quality"].value < found.cut.cut.value
    assert nir.discarded == pytest.approx(gone[here["faces"].columns["camera"] == "nir"].mean())
    assert nir.discarded > rgb.discarded
    assert nir.discarded_gap > 0 > rgb.discarded_gap
    assert "Groups at this cut" in found.text()


def kept_fnmr(here: dict[str, Any], kept: np.ndarray, threshold: float) -> float:
    """FNMR among the mated pairs of kept images, counted pair by pair; 1 where none is kept."""
    i, j = np.triu_indices(len(here["ids"]), 1)
    inside = (here["who"][i] == here["who"][j]) & kept[i] & kept[j]
    vectors = here["vectors"].vector.astype(np.float64)
    failed = np.einsum("pd,pd->p", vectors[i[inside]], vectors[j[inside]]) <= threshold
    return float(failed.mean()) if len(failed) else 1.0


def lowest(here: dict[str, Any], uqs: np.ndarray, threshold: float, wanted: float) -> int | None:
    """The lowest integer that keeps an FNMR on enough pairs, found by trying each of them."""
    for cut in range(101):
        kept = uqs >= cut
        pairs = sum(n * (n - 1) // 2 for n in np.unique(here["who"][kept], return_counts=True)[1])
        if pairs * wanted >= 3 and kept_fnmr(here, kept, threshold) <= wanted:
            return cut
    return None


def write_scores(here: dict[str, Any], path: Path, raw: np.ndarray, uqs: np.ndarray) -> str:
    table = {"id": here["ids"], "raw": raw, "uqs": uqs, "model": ["mine"] * len(uqs)}
    pl.DataFrame(table).write_parquet(path)
    return str(path)


@pytest.mark.parametrize("wanted", [0.01, 0.02, 0.03, 0.05, 0.1])
def test_the_integer_is_the_lowest_that_keeps_the_promise(
    here: dict[str, Any], tmp_path: Path, wanted: float
) -> None:
    """Steps of 7, so that the integer of the cut's own score is often one that breaks the
    promise."""
    raw = here["quality"].value
    uqs = 7 * np.round(raw * 14).astype(int)
    file = write_scores(here, tmp_path / "scores.parquet", raw, uqs)
    report = fiqa.threshold(file, here["vectors"], fnmr=wanted, fmr=0.01, draws=10)
    good = lowest(here, uqs, report.cut.threshold, wanted)
    assert good is not None
    assert report.uqs == good
    assert report.uqs_from == "the column uqs"
    hundred = report.cut.hundred
    assert hundred is not None
    assert hundred.effect is not None
    assert hundred.effect.fnmr == pytest.approx(kept_fnmr(here, uqs >= good, report.cut.threshold))
    assert hundred.effect.coverage == pytest.approx(np.mean(uqs >= good))


def test_the_integer_of_a_coverage_is_the_highest_that_keeps_it(
    here: dict[str, Any], tmp_path: Path
) -> None:
    uqs = np.round(100 * here["quality"].value).astype(int)
    file = write_scores(here, tmp_path / "scores.parquet", here["quality"].value, uqs)
    report = fiqa.threshold(file, here["vectors"], coverage=0.83, fmr=0.01, draws=10)
    assert report.uqs == max(t for t in range(101) if np.mean(uqs >= t) >= 0.83)


def test_the_scale_of_100_comes_from_the_file_or_the_score_or_the_calibration(
    here: dict[str, Any], tmp_path: Path
) -> None:
    named = Quality(here["ids"], here["quality"].value, "laplacian")
    report = fiqa.threshold(named, here["vectors"], fnmr=0.02, fmr=0.01, draws=10)
    uqs = fiqa.load("laplacian").unified(named.value)
    assert report.uqs == lowest(here, uqs, report.cut.threshold, 0.02)
    assert report.uqs_from == "the calibration of laplacian"
    of_100 = Quality(here["ids"], 100 * here["quality"].value, "mine", range=(0.0, 100.0))
    own = fiqa.threshold(of_100, here["vectors"], fnmr=0.02, fmr=0.01, draws=10)
    assert own.uqs_from == "the score itself"
    assert own.uqs is not None
    assert own.uqs - 1 < own.cut.cut.value <= own.uqs + 1, "an integer next to the cut itself"


def test_more_pairs_than_are_stored_are_drawn_by_seed_and_said(
    here: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fiqa.evaluation.evidence.STORED", 20_000)
    monkeypatch.setattr("fiqa.evaluation.threshold.STORED", 20_000)
    found = [
        fiqa.threshold(here["quality"], here["vectors"], fnmr=0.05, fmr=0.01, seed=s)
        for s in (0, 0, 1)
    ]
    assert found[0].cut.nonmated == 20_000
    assert any("20,000 of 318,400 non-mated pairs were drawn" in note for note in found[0].notes)
    assert found[0].cut.threshold == found[1].cut.threshold != found[2].cut.threshold
    whole = fiqa.threshold(
        here["quality"], here["vectors"], fnmr=0.05, fmr=0.01, pairs=None, draws=2
    )
    assert found[0].cut.threshold == pytest.approx(whole.cut.threshold, abs=0.03)


def test_it_is_written_as_plain_json(here: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "cut.json"
    report = fiqa.threshold(
        here["quality"], here["vectors"], fnmr=0.02, fmr=0.01, draws=10, out=out
    )
    read = json.loads(out.read_text())
    assert read["cut"]["cut"]["value"] == report.cut.cut.value
    assert read["points"][0]["cut"] == read["cut"]
    assert read["points"][0]["safe_typed"] == report.points[0].safe_typed
    assert read["command"] == "", "nouns in memory have no command"
    assert len(read["curve"]["cut"]) == len(read["curve"]["limit"]) > 100
    sidecar = json.loads((tmp_path / "cut.json.json").read_text())
    assert sidecar["verb"] == "threshold"
    assert sidecar["seed"] == 0
    assert sidecar["arguments"]["fnmr"] == [0.02]
    assert sidecar["arguments"]["confidence"] == 0.9


def saved(here: dict[str, Any], folder: Path) -> dict[str, str]:
    """The nouns as files."""
    from fiqa.data.embeddings import write_embeddings

    files = {"quality": folder / "q.csv", "embeddings": folder / "e.npz", "faces": folder / "f.csv"}
    pl.DataFrame({"id": here["ids"], "score": here["quality"].value.astype(float)}).write_csv(
        files["quality"]
    )
    write_embeddings(here["vectors"], files["embeddings"])
    camera = [value or None for value in here["faces"].columns["camera"].tolist()]
    faces = {"path": here["ids"], "id": here["ids"], "identity": here["who"], "camera": camera}
    pl.DataFrame(faces).write_csv(files["faces"])
    return {name: str(path) for name, path in files.items()}


def test_the_command_and_the_function_write_the_same_bytes(
    here: dict[str, Any], tmp_path: Path
) -> None:
    files = saved(here, tmp_path)
    quality, embeddings, faces = files["quality"], files["embeddings"], files["faces"]
    wish: dict[str, Any] = {"fnmr": [0.02, 0.05], "fmr": 0.01, "draws": 10, "group": "camera"}
    out, html = tmp_path / "a.json", tmp_path / "a.html"
    report = fiqa.threshold(quality, embeddings, faces=faces, **wish, out=out, html=html)
    line = report.command.split()
    assert line[:4] == ["fiqa", "threshold", "--quality", quality]
    assert "--seed" not in line, "what is at its default is left out"
    extra = ["-o", str(tmp_path / "b.json"), "--html", str(tmp_path / "b.html")]
    result = CliRunner().invoke(build(), [*line[1:], *extra])
    assert result.exit_code == 0, result.output
    assert result.stdout.rstrip("\n") == report.text()
    for suffix in ("json", "html", "json.json"):
        assert (tmp_path / f"a.{suffix}").read_bytes() == (tmp_path / f"b.{suffix}").read_bytes()
    sidecar = json.loads((tmp_path / "a.json.json").read_text())
    assert set(sidecar["inputs"]) == set(files.values())
    assert all(sidecar["inputs"].values()), "each input by its hash"


def test_several_wishes_are_the_same_as_each_alone(here: dict[str, Any]) -> None:
    quality, vectors = here["quality"], here["vectors"]
    both = fiqa.threshold(quality, vectors, fnmr=(0.05, 0.02, 0.05), fmr=0.01, draws=10)
    assert [point.wish.fnmr for point in both.points] == [0.05, 0.02]
    for point in both.points:
        assert (
            fiqa.threshold(quality, vectors, fnmr=point.wish.fnmr, fmr=0.01, draws=10).cut
            == point.cut
        )
    shares = fiqa.threshold(quality, vectors, coverage=[0.9, 0.8], fmr=0.01, draws=10)
    assert [point.cut.coverage.value for point in shares.points] == pytest.approx(
        [0.9, 0.8], abs=0.002
    )
    assert shares.points[0].cut.safe.effect is not None
    assert shares.points[0].cut.safe.effect.coverage > 0.9
    assert shares.points[0].cut.safe.limit >= 0.9


def test_confidence_moves_the_safe_cut_and_only_that(here: dict[str, Any]) -> None:
    low, high = (
        fiqa.threshold(
            here["quality"], here["vectors"], fnmr=0.05, fmr=0.01, draws=10, confidence=c
        ).cut
        for c in (0.6, 0.95)
    )
    assert low.cut == high.cut
    assert low.safe.effect is not None
    assert high.safe.effect is not None
    assert low.cut.value < low.safe.effect.cut < high.safe.effect.cut


def test_what_is_printed_keeps_exactly_what_was_promised(
    here: dict[str, Any], tmp_path: Path
) -> None:
    """Typed back into a table of float32 or of float64, whichever the reader makes of the
    column."""
    raw = np.float32(0.8) + here["quality"].value * np.float32(1e-3)
    file = write_scores(here, tmp_path / "s.parquet", raw, np.zeros(len(raw), int))
    report = fiqa.threshold(file, here["vectors"], fnmr=0.05, fmr=0.01, draws=10)
    point = report.points[0]
    for typed, effect in (
        (point.typed, point.cut.effect),
        (point.safe_typed, point.cut.safe.effect),
    ):
        assert typed is not None
        assert effect is not None
        assert f" {typed} " in report.text()
        for column in (raw, raw.astype(np.float64)):
            frame = pl.DataFrame({"raw": column}).filter(pl.col("raw") >= float(typed))
            assert len(frame) == round(effect.coverage * len(raw))
            assert (
                kept_fnmr(here, column >= column.dtype.type(typed), point.cut.threshold)
                == effect.fnmr
            )


def test_a_cut_that_loses_more_than_half_is_warned_of(here: dict[str, Any]) -> None:
    report = fiqa.threshold(here["quality"], here["vectors"], coverage=0.3, fmr=0.01, draws=10)
    warned = [
        note
        for note in report.notes
        if note.startswith("warning: the plain cut for coverage 0.3 loses 70%")
    ]
    assert len(warned) == 1
    assert f"note: {warned[0]}" in report.text()
    mild = fiqa.threshold(here["quality"], here["vectors"], coverage=0.9, fmr=0.01, draws=10)
    assert not [note for note in mild.notes if "warning" in note]


def few(here: dict[str, Any], people: int) -> dict[str, Any]:
    rows = np.flatnonzero(np.isin(here["who"], [f"p{k}" for k in range(people)]))
    ids = here["ids"][rows]
    return {
        "quality": Quality(ids, here["quality"].value[rows], "mine"),
        "vectors": here["vectors"].take(rows),
    }


def test_what_is_missing_for_a_safe_cut_is_said(here: dict[str, Any]) -> None:
    small = few(here, 40)
    report = fiqa.threshold(
        small["quality"], small["vectors"], fnmr=0.02, fmr=0.01, draws=40, level=0.5
    )
    safe = report.cut.safe
    assert safe.effect is None
    assert safe.limit > 0.02
    assert safe.people == 40
    assert safe.people_missing is not None
    text = report.text()
    assert f"needs about {safe.people_missing:,} more people like these 40" in text
    assert "on these images only" in text


def test_images_without_a_group_are_a_group_and_cross_pairs_are_counted(
    here: dict[str, Any],
) -> None:
    camera = here["faces"].columns["camera"].astype("U6").copy()
    camera[::10] = ""
    faces = Manifest(here["ids"], here["ids"], here["who"], columns={"camera": camera})
    report = fiqa.threshold(
        here["quality"], here["vectors"], faces=faces, group="camera", fnmr=0.05, fmr=0.01, draws=10
    )
    cut = report.cut
    assert [g.name for g in cut.groups] == ["(none)", "nir", "rgb"]
    assert cut.groups[0].images == np.count_nonzero(camera == "")
    assert (
        f"{cut.groups[0].images} of 800 images have no camera: they are the group (none)."
        in " ".join(report.notes)
    )
    assert cut.cross is not None
    i, j = np.triu_indices(len(camera), 1)
    kept = here["quality"].value >= cut.cut.value
    across = (camera[i] != camera[j]) & kept[i] & kept[j]
    same = here["who"][i] == here["who"][j]
    assert (cut.cross.mated, cut.cross.nonmated) == (np.sum(across & same), np.sum(across & ~same))
    assert f"{cut.safe_cross.mated:,} mated pairs kept" in report.text() if cut.safe_cross else True


def test_a_missing_group_of_numbers_is_not_group_0(here: dict[str, Any], tmp_path: Path) -> None:
    site: list[int | None] = [k % 3 for k in range(len(here["ids"]))]
    site[::7] = [None] * len(site[::7])
    faces = {"path": here["ids"], "id": here["ids"], "identity": here["who"], "site": site}
    pl.DataFrame(faces).write_parquet(tmp_path / "f.parquet")
    report = fiqa.threshold(
        here["quality"],
        here["vectors"],
        faces=tmp_path / "f.parquet",
        group="site",
        fnmr=0.05,
        fmr=0.01,
        draws=10,
    )
    counts = {group.name: group.images for group in report.cut.groups}
    assert counts == {"(none)": site.count(None)} | {str(k): site.count(k) for k in range(3)}


@pytest.mark.parametrize(
    ("column", "values", "holds"),
    [
        ("bbox", [[1.0, 2.0, 3.0, 4.0]] * 800, "values of type list"),
        ("sharpness", np.linspace(0, 1, 800).tolist(), "fractions"),
        ("camera_settings", [{"x": 1.0}] * 800, "values of type dict"),
    ],
)
def test_a_group_column_that_is_no_group_is_a_clear_error(
    here: dict[str, Any], tmp_path: Path, column: str, values: list[Any], holds: str
) -> None:
    faces = {
        "path": here["ids"],
        "id": here["ids"],
        "identity": here["who"],
        "site": ["a"] * 800,
        column: values,
    }
    pl.DataFrame(faces).write_parquet(tmp_path / "f.parquet")
    message = (
        f"A group column must hold text, whole numbers or true and false; '{column}' holds {holds}"
    )
    with pytest.raises(InputError, match=message) as raised:
        fiqa.threshold(
            here["quality"], here["vectors"], faces=tmp_path / "f.parquet", group=column, fnmr=0.05
        )
    assert "site" in str(raised.value.hint)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        ({}, InputError, "Exactly one of fnmr and coverage must be given, got fnmr=None"),
        ({"fnmr": 0.1, "coverage": 0.5}, InputError, "Exactly one of fnmr and coverage"),
        ({"fnmr": 1e-4}, EvidenceError, "needs at least 30000 mated pairs"),
        (
            {"fnmr": 0.02, "fmr": 1e-7},
            EvidenceError,
            "An FMR of 1e-07 needs at least 10000000 non-mated pairs",
        ),
        ({"fnmr": 0.02, "group": "camera"}, InputError, "must come from a manifest"),
        (
            {"fnmr": []},
            InputError,
            r"Exactly one of fnmr and coverage must be given, got fnmr=\[\]",
        ),
        ({"fnmr": [0.02, 1.0]}, InputError, "fnmr must be in"),
        ({"fnmr": 0.02, "confidence": 0.5}, InputError, "confidence must be in"),
        ({"fnmr": 0.02, "html": "cut.json"}, InputError, "html must be a file that ends in .html"),
    ],
)
def test_it_refuses(
    here: dict[str, Any], changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fiqa.threshold(here["quality"], here["vectors"], **{"fmr": 0.01, **changed})


def test_an_unknown_group_column_gets_the_closest_one(here: dict[str, Any]) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'camera'"):
        fiqa.threshold(
            here["quality"],
            here["vectors"],
            faces=here["faces"],
            group="cammera",
            fnmr=0.02,
            fmr=0.01,
        )
