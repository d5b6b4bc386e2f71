"""`evaluate` against the pure functions on the same pairs, its joins, what it counts and what it
refuses."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.pairs import write_pairs
from fiqa.data.quality import write_quality
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.functional.bootstrap import bootstrap_band, paired_difference
from fiqa.functional.edc import discard_curve, oracle_curve
from fiqa.functional.spread import spread
from fiqa.functional.verification import all_pairs
from fiqa.types import Embeddings, Manifest, Pairs, Quality

pytestmark = pytest.mark.numeric

FAST: dict[str, Any] = {"fmr": 0.05, "draws": 20}


def world(people: int = 30, each: int = 6, seed: int = 1) -> dict[str, Any]:
    """Embeddings of people whose images are noisier the lower their quality is, and three qualities
    of them."""
    rng = np.random.default_rng(seed)
    n = people * each
    true = rng.random(n)
    who = np.repeat(np.arange(people), each)
    vectors = rng.normal(size=(people, 16))[who] + (2.2 - 2 * true)[:, None] * rng.normal(
        size=(n, 16)
    )
    length = np.linalg.norm(vectors, axis=1)
    ids = np.array([f"p{p}/{k}" for p, k in zip(who, range(n), strict=True)])
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "vectors": Embeddings(ids, vectors / length[:, None], length, "rec"),
        "good": Quality(ids, true, "good"),
        "noisy": Quality(ids, true + rng.normal(size=n), "noisy"),
        "ties": Quality(ids, np.round(true * 4), "ties"),
    }


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    return world()


def whole(here: dict[str, Any], quality: Quality) -> dict[str, Any]:
    """The arguments of the pure functions for all pairs, similarities computed otherwise."""
    i, j = np.triu_indices(len(here["ids"]), 1)
    index = np.stack([i, j], axis=1)
    similarity = np.einsum("pd,pd->p", here["vectors"].vector[i], here["vectors"].vector[j])
    return {
        "similarity": similarity,
        "mated": here["who"][i] == here["who"][j],
        "quality": quality.value[index],
    }


@pytest.mark.parametrize("name", ["good", "noisy", "ties"])
def test_curves_equal_those_of_the_pure_function_on_all_pairs(
    here: dict[str, Any], name: str
) -> None:
    found = fiqa.evaluate([here[name]], here["vectors"], **FAST)
    expected = discard_curve(**whole(here, here[name]), fmr=0.05)
    curve = found.curve(name).curve
    assert curve.threshold == pytest.approx(expected.threshold, abs=1e-6)
    assert curve.counts == expected.counts
    assert expected.counts["errors"] > 20
    np.testing.assert_allclose(curve.discard, expected.discard, atol=1e-12)
    np.testing.assert_allclose(curve.fnmr, expected.fnmr, atol=1e-12)
    for limit in (0.3, 0.95):
        for form in (None, "start", "best"):
            area = found.curve(name).areas[limit, form or "raw"]
            assert area is not None
            assert area.value == pytest.approx(expected.area(limit, normalize=form), abs=1e-12)


def test_bands_and_differences_equal_those_of_the_pure_functions(here: dict[str, Any]) -> None:
    found = fiqa.evaluate([here["noisy"], here["good"]], here["vectors"], **FAST, seed=3)
    pairs = whole(here, here["noisy"])
    i, j = np.triu_indices(len(here["ids"]), 1)
    who = np.stack([here["who"][i], here["who"][j]], axis=1)
    band = bootstrap_band(**pairs, identities=who, fmr=0.05, draws=20, seed=3)
    area = band.area(0.3, normalize="start")
    ours = found.curve("noisy").areas[0.3, "start"]
    assert ours is not None
    assert (ours.low, ours.high) == pytest.approx((area.low, area.high), abs=1e-12)
    other = whole(here, here["good"])["quality"]
    test = paired_difference(
        pairs["similarity"],
        pairs["mated"],
        other,
        pairs["quality"],
        who,
        fmr=0.05,
        draws=20,
        seed=3,
    )
    assert found.curve("good").difference == test
    assert test.difference < 0
    assert found.curve("noisy").difference is None


def test_oracle_and_random_are_always_there(here: dict[str, Any]) -> None:
    found = fiqa.evaluate(here["good"], here["vectors"], **FAST)
    pairs = whole(here, here["good"])
    best = oracle_curve(pairs["similarity"], pairs["mated"], fmr=0.05)
    assert found.curve("oracle").curve.area(0.3) == pytest.approx(best.area(0.3), abs=1e-12)
    areas = [found.curve(name).areas[0.3, "start"] for name in ("oracle", "good", "random")]
    values = [area.value for area in areas if area is not None]
    assert values == sorted(values)
    assert values[2] == pytest.approx(1, abs=0.25)


def test_verification_is_that_of_all_pairs(here: dict[str, Any]) -> None:
    found = fiqa.evaluate(here["good"], here["vectors"], **FAST).recognizers[0].verification
    assert found == all_pairs(here["vectors"].vector, here["who"])


def test_the_draws_seed_level_limits_and_fmr_change_the_result(here: dict[str, Any]) -> None:
    def band(**changed: Any) -> tuple[Any, ...]:
        area = (
            fiqa.evaluate(here["noisy"], here["vectors"], **{**FAST, **changed})
            .curve("noisy")
            .areas
        )
        first = area[next(iter(area))]
        return (first.value, first.low, first.high) if first else ()

    base = band()
    for changed in ({"seed": 5}, {"level": 0.5}, {"limits": (0.5,)}, {"fmr": 0.2}, {"draws": 40}):
        assert band(**changed) != base, changed
    assert band(draws=0)[1:] == (None, None)
    assert band() == base


@pytest.mark.parametrize("protocol", ["crfiqa", "magface"])
def test_protocols_that_discard_all_pairs(here: dict[str, Any], protocol: str) -> None:
    found = fiqa.evaluate([here["good"], here["noisy"]], here["vectors"], **FAST, protocol=protocol)
    expected = discard_curve(**whole(here, here["noisy"]), fmr=0.05, protocol=protocol)
    curve = found.curve("noisy").curve
    assert curve.protocol == protocol
    np.testing.assert_allclose(
        curve.fnmr, expected.fnmr, atol=0.05
    )  # pairs of equal quality come in another order
    assert curve.band is None
    assert any("sets its threshold again" in note for note in found.notes)
    oracle = found.curve("oracle").areas[0.3, "start"]
    assert oracle is not None
    assert oracle.value < 0.3


def test_schlett2023_starts_from_an_error(here: dict[str, Any]) -> None:
    found = fiqa.evaluate(
        here["good"], here["vectors"], protocol="schlett2023", start_fnmr=0.1, draws=0
    )
    assert found.recognizers[0].fnmr == pytest.approx(0.1, abs=0.01)
    assert found.settings["fmr"] is None


def test_ids_join_whatever_the_order_and_what_is_missing_is_counted(here: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(len(here["ids"]))
    mixed = Quality(np.char.add(here["ids"][order], ".jpg"), here["good"].value[order], "mixed")
    part = Quality(here["ids"][5:], here["noisy"].value[5:], "part")
    found = fiqa.evaluate([mixed, part], here["vectors"], **FAST)
    same = fiqa.evaluate([here["good"]], here["vectors"].take(slice(5, None)), **FAST)
    assert found.counts["images"] == len(here["ids"]) - 5
    assert found.counts["left_out"] == 5
    np.testing.assert_array_equal(found.curve("mixed").curve.fnmr, same.curve("good").curve.fnmr)
    assert [scores.absent for scores in found.scores] == [0, 5]
    assert any(note.startswith("part has nothing for 5 of 180 images") for note in found.notes)


def test_recognizers_join_by_id_too(here: dict[str, Any]) -> None:
    order = np.random.default_rng(0).permutation(len(here["ids"]))
    turned = Embeddings(
        here["ids"][order], here["vectors"].vector[order], here["vectors"].norm[order], "turned"
    )
    found = fiqa.evaluate(here["noisy"], [here["vectors"], turned], **FAST)
    first, second = (found.curve("noisy", name).curve for name in ("rec", "turned"))
    np.testing.assert_array_equal(first.fnmr, second.fnmr)
    assert found.recognizers[0].verification == found.recognizers[1].verification


def test_a_manifest_says_who_is_who_and_which_images_count(here: dict[str, Any]) -> None:
    ids, n = here["ids"], len(here["ids"])
    flat = np.array([name.replace("/", "_") for name in ids])
    faces = Manifest(flat[: n - 12], flat[: n - 12], here["who"][: n - 12])
    quality = Quality(flat, here["noisy"].value, "noisy")
    vectors = Embeddings(flat, here["vectors"].vector, None, "rec")  # type: ignore[arg-type]
    found = fiqa.evaluate(quality, vectors, faces=faces, **FAST)
    kept = slice(0, n - 12)
    expected = fiqa.evaluate(
        Quality(ids[kept], here["noisy"].value[kept], "noisy"), here["vectors"], **FAST
    )
    np.testing.assert_array_equal(
        found.curve("noisy").curve.fnmr, expected.curve("noisy").curve.fnmr
    )
    with pytest.raises(EvidenceError, match="images that every quality and recognizer has"):
        fiqa.evaluate(quality, vectors, **FAST)


def test_copies_are_left_out_of_mated_pairs_and_counted(here: dict[str, Any]) -> None:
    sums = np.array([f"sha{k}" for k in range(len(here["ids"]))])
    sums[1] = sums[0]
    sums[7] = sums[0]
    faces = Manifest(here["ids"], here["ids"], here["who"], columns={"sha256": sums})
    found = fiqa.evaluate(here["good"], here["vectors"], faces=faces, **FAST)
    assert found.counts["duplicates"] == 1
    assert found.counts["mated"] == 30 * 15 - 1
    assert found.recognizers[0].verification is not None
    assert found.recognizers[0].verification.mated == 30 * 15 - 1
    assert any("equal content" in note for note in found.notes)


def listed(here: dict[str, Any]) -> Pairs:
    rng = np.random.default_rng(4)
    i, j = np.triu_indices(len(here["ids"]), 1)
    rows = np.concatenate(
        [np.flatnonzero(here["who"][i] == here["who"][j]), rng.choice(len(i), 500, replace=False)]
    )
    rows = np.unique(rows)  # a pair that is listed twice is left out
    index = np.stack([i[rows], j[rows]], axis=1)
    return Pairs(here["ids"], index, here["who"][index[:, 0]] == here["who"][index[:, 1]])


def test_a_list_of_pairs(here: dict[str, Any], tmp_path: Path) -> None:
    pairs = listed(here)
    write_pairs(pairs, tmp_path / "pairs.csv", fold=np.arange(len(pairs)) % 10)
    found = fiqa.evaluate(here["ties"], here["vectors"], pairs=tmp_path / "pairs.csv", **FAST)
    similarity = np.einsum("pd,pd->p", *(here["vectors"].vector[pairs.index[:, k]] for k in (0, 1)))
    expected = discard_curve(similarity, pairs.mated, here["ties"].value[pairs.index], fmr=0.05)
    np.testing.assert_allclose(found.curve("ties").curve.fnmr, expected.fnmr, atol=1e-12)
    assert found.curve("ties").curve.counts == expected.counts
    accuracy = found.recognizers[0].accuracy
    assert accuracy is not None
    assert 0.5 < accuracy.mean < 1
    assert found.settings["pairs"] == "a list of pairs"


def test_pairs_alone_tell_who_is_who_where_ids_do_not(here: dict[str, Any]) -> None:
    pairs = listed(here)
    flat = np.array([name.replace("/", "_") for name in here["ids"]])
    vectors = Embeddings(flat, here["vectors"].vector, None, "rec")  # type: ignore[arg-type]
    found = fiqa.evaluate(
        Quality(flat, here["good"].value, "good"),
        vectors,
        pairs=Pairs(flat, pairs.index, pairs.mated),
        **FAST,
    )
    assert found.counts["identities"] == 30
    assert found.curve("good").curve.band is not None


def test_mated_pairs_of_two_identities_are_refused(here: dict[str, Any]) -> None:
    wrong = Pairs(here["ids"], np.array([[0, 1], [0, 10], [3, 50]]), np.array([True, True, False]))
    with pytest.raises(InputError, match="must be of one identity, got 1 of 2"):
        fiqa.evaluate(here["good"], here["vectors"], pairs=wrong, **FAST)


def test_files_and_names(here: dict[str, Any], tmp_path: Path) -> None:
    write_embeddings(here["vectors"], tmp_path / "emb.npz")
    for name in ("good", "noisy"):
        write_quality(here[name], tmp_path / f"{name}.parquet")
    pl.DataFrame(
        {"id": here["ids"], "raw": here["noisy"].value, "score": here["good"].value}
    ).write_csv(tmp_path / "table.csv")
    given = [
        str(tmp_path / "good.parquet"),
        f"mine={tmp_path / 'noisy.parquet'}",
        tmp_path / "table.csv",
        "norm",
    ]
    found = fiqa.evaluate(given, tmp_path / "emb.npz", **FAST)
    assert [scores.name for scores in found.scores] == ["good", "mine", "table", "norm of rec"]
    assert found.scores[0].scale == "column value, lies in 0..1"
    assert found.scores[0].spread == spread(here["good"].value)
    assert found.scores[2].unit is None, (
        "raw is open; the calibrated score must not stand in for it"
    )
    assert found.scores[2].scale.startswith("open: column raw")
    assert found.scores[1].unit is None
    assert found.scores[1].spread is None
    assert any(
        note.startswith("Scales: good: column value, lies in 0..1; mine: open")
        for note in found.notes
    )
    np.testing.assert_allclose(found.scores[3].value, here["vectors"].norm)
    named = fiqa.evaluate(
        {"a": here["good"], "b": str(tmp_path / "good.parquet")}, here["vectors"], **FAST
    )
    assert named.curve("b").difference is not None
    assert named.curve("b").difference.difference == 0


def test_one_person_has_no_bands(here: dict[str, Any]) -> None:
    keep = np.r_[0:6, np.arange(6, 180, 6)]
    found = fiqa.evaluate(here["good"], here["vectors"].take(keep), **FAST)
    assert found.curve("good").curve.band is None
    assert any("of one identity" in note for note in found.notes)


@pytest.mark.parametrize(
    ("changed", "kind", "message"),
    [
        (
            {"fmr": 1e-9},
            EvidenceError,
            "An FMR of 1e-09 needs at least 1000000000 non-mated pairs, got 15660",
        ),
        ({"fmr": 0.0}, InputError, "fmr must be in"),
        ({"protocol": "isso"}, UnknownNameError, "did you mean 'iso'"),
        ({"start_fnmr": 0.1}, InputError, "start_fnmr must be None under protocol 'iso'"),
        ({"limits": ()}, InputError, "limits must have at least one"),
        ({"limits": (0.3, 1.5)}, InputError, "limits must be in"),
        ({"draws": 1}, InputError, "draws must be 0"),
        ({"level": 1.0}, InputError, "level must be in"),
        ({"match": "file"}, UnknownNameError, "Unknown match 'file'"),
    ],
)
def test_it_refuses(
    here: dict[str, Any], changed: dict[str, Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        fiqa.evaluate(here["good"], here["vectors"], **{**FAST, **changed})


def test_names_must_be_unique_and_not_those_of_the_baselines(here: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="Each quality must have its own name, got 'good' twice"):
        fiqa.evaluate([here["good"], here["good"]], here["vectors"])
    with pytest.raises(InputError, match="'oracle' must not be a quality's name"):
        fiqa.evaluate({"oracle": here["good"]}, here["vectors"])
    with pytest.raises(InputError, match="Each recognizer must have its own name"):
        fiqa.evaluate(here["good"], [here["vectors"]] * 2)
    with pytest.raises(InputError, match="quality must name at least one"):
        fiqa.evaluate([], here["vectors"])
    with pytest.raises(InputError, match="embeddings must name at least one"):
        fiqa.evaluate(here["good"], [])


def test_no_mated_pair_is_refused(here: dict[str, Any]) -> None:
    with pytest.raises(EvidenceError, match="needs mated pairs, got none among 30 images"):
        fiqa.evaluate(here["good"], here["vectors"].take(np.arange(0, 180, 6)), **FAST)
    with pytest.raises(EvidenceError, match="got 1 of 1"):
        fiqa.evaluate(here["good"], here["vectors"].take(slice(0, 1)), **FAST)


def test_two_names_of_one_id_are_refused(here: dict[str, Any]) -> None:
    twice = Quality(np.array([*here["ids"], "p0/0.jpg"]), np.arange(len(here["ids"]) + 1), "twice")
    with pytest.raises(InputError, match="'p0/0' has 2"):
        fiqa.evaluate(twice, here["vectors"], **FAST)
