"""The evidence: where identities come from, pairs that cannot be, ids that do not meet,
polarity."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.pairs import write_pairs
from fiqa.errors import EvidenceError, InputError, UnknownNameError
from fiqa.evaluation.evidence import gather
from fiqa.types import Embeddings, Manifest, Pairs, Quality

pytestmark = pytest.mark.numeric

FAST: dict[str, Any] = {"fmr": 0.05, "draws": 20}


@pytest.fixture(scope="module")
def world() -> dict[str, Any]:
    """Images of 25 people, noisier the lower their quality is."""
    rng = np.random.default_rng(5)
    value, who = rng.random(150), np.repeat(np.arange(25), 6)
    vectors = rng.normal(size=(25, 16))[who] + (2.2 - 2 * value)[:, None] * rng.normal(
        size=(150, 16)
    )
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    unit = vectors / np.linalg.norm(vectors, axis=1)[:, None]
    return {
        "ids": ids,
        "who": np.array([f"p{p}" for p in who]),
        "good": Quality(ids, value, "good"),
        "vectors": Embeddings(ids, unit, None, "rec"),  # type: ignore[arg-type]
    }


def flat(world: dict[str, Any]) -> tuple[np.ndarray[Any, Any], Quality, Embeddings]:
    """The same under ids that name nobody."""
    ids = np.char.replace(world["ids"], "/", "_")
    return (
        ids,
        Quality(ids, world["good"].value, "good"),
        Embeddings(ids, world["vectors"].vector, None, "rec"),
    )  # type: ignore[arg-type]


def all_pairs(world: dict[str, Any]) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    index = np.stack(np.triu_indices(150, 1), axis=1)
    return index, world["who"][index[:, 0]] == world["who"][index[:, 1]]


@pytest.mark.usefixtures("figures")
def test_it_is_said_where_identities_come_from(world: dict[str, Any], tmp_path: Path) -> None:
    ids, quality, vectors = flat(world)
    index, mated = all_pairs(world)
    table = tmp_path / "faces.csv"
    lines = [f"{name},{name}.jpg,{who}" for name, who in zip(ids, world["who"], strict=True)]
    table.write_text("id,path, IDENTITY\n" + "\n".join(lines) + "\n")
    for run, wanted in (
        (gather(world["good"], world["vectors"]), "the folder part of each id"),
        (gather(quality, vectors, faces=table), "column identity of faces.csv"),
        (gather(quality, vectors, faces=Manifest(ids, ids, world["who"])), "the manifest"),
        (
            gather(quality, vectors, pairs=Pairs(ids, index, mated)),
            "the list of pairs: whom mated pairs connect is one person",
        ),
    ):
        assert run.identity_from == wanted
        assert run.notes[0] == f"Identities are from {wanted}."
        assert len(np.unique(run.identity)) == 25
    found = fiqa.evaluate(quality, vectors, faces=table, out=tmp_path / "report", **FAST)
    assert found.settings["identity_from"] == "column identity of faces.csv"
    assert "Identities are from column identity of faces.csv" in found.text()
    assert (
        "Identities are from column identity of faces.csv"
        in (tmp_path / "report" / "index.html").read_text()
    )
    assert (
        "Identities are from"
        in fiqa.threshold(quality, vectors, faces=table, coverage=0.9, fmr=0.05).text()
    )


@pytest.mark.parametrize("name", ["person", "Subject", "label"])
def test_folders_are_not_people_where_a_column_may_be_meant(
    world: dict[str, Any], tmp_path: Path, name: str
) -> None:
    table = tmp_path / "faces.csv"
    lines = [
        f"{one},photos/{one},{who}" for one, who in zip(world["ids"], world["who"], strict=True)
    ]
    table.write_text(f"id,path,{name}\n" + "\n".join(lines) + "\n")
    with pytest.raises(InputError, match=f"column `identity`; it has none, but '{name}'"):
        fiqa.evaluate(world["good"], world["vectors"], faces=table, **FAST)
    with pytest.raises(InputError, match=f"'{name}'"):
        fiqa.threshold(world["good"], world["vectors"], faces=table, coverage=0.9)
    with pytest.raises(InputError, match=f"'{name}'"):
        fiqa.label("cr_fiqa", faces=table, embeddings=world["vectors"])
    assert len(fiqa.label("norm", faces=table, embeddings=_lengths(world))) == 150, (
        "it needs no identities"
    )


def _lengths(world: dict[str, Any]) -> Embeddings:
    return Embeddings(
        world["ids"], world["vectors"].vector, np.arange(1, 151, dtype=np.float32), "rec"
    )


def test_labels_say_it_too(world: dict[str, Any], tmp_path: Path) -> None:
    from fiqa.data.store import read_sidecar

    made = fiqa.label("cr_fiqa", embeddings=world["vectors"], out=tmp_path / "l.csv")
    assert made.provenance["found"]["identity_from"] == "the folder part of each id"
    side = read_sidecar(tmp_path / "l.csv")
    assert side is not None
    assert side["found"]["identity_from"] == "the folder part of each id"


def test_impossible_pairs_are_left_out_and_counted(world: dict[str, Any], tmp_path: Path) -> None:
    index, mated = all_pairs(world)
    rng = np.random.default_rng(0)
    some = np.flatnonzero(mated)
    bad = np.array([[3, 3], [9, 9], [0, 1], [6, 20], [20, 6]])
    flags = np.array([True, False, False, False, False])
    again = index[some[1:5], ::-1]
    keep = np.concatenate([some, rng.choice(np.flatnonzero(~mated), 400, replace=False)])
    keep = keep[~((index[keep] == [6, 20]).all(axis=1))]
    listed = Pairs(
        world["ids"],
        np.concatenate([index[keep], bad, again]),
        np.concatenate([mated[keep], flags, np.ones(4, bool)]),
    )
    rows = _possible(listed, world["who"])
    clean = Pairs(world["ids"], listed.index[rows], listed.mated[rows])
    write_pairs(listed, tmp_path / "pairs.csv")
    wanted = fiqa.evaluate(world["good"], world["vectors"], pairs=clean, **FAST)
    for pairs in (listed, tmp_path / "pairs.csv"):
        found = fiqa.evaluate(world["good"], world["vectors"], pairs=pairs, **FAST)
        assert {k: v for k, v in found.counts.items() if k.startswith("pairs_")} == {
            "pairs_lost": 0,
            "pairs_self": 2,
            "pairs_both": 2,
            "pairs_repeated": 5,
        }
        assert (found.counts["mated"], found.counts["nonmated"]) == (
            wanted.counts["mated"],
            wanted.counts["nonmated"],
        )
        np.testing.assert_array_equal(
            found.curve("good").curve.fnmr, wanted.curve("good").curve.fnmr
        )
        assert "2 pairs compare an image with itself and were left out." in found.notes
        cut = fiqa.threshold(
            world["good"], world["vectors"], pairs=pairs, coverage=0.9, fmr=0.05, draws=10
        )
        assert (
            "5 pairs are listed before, in this or the other order and were left out." in cut.notes
        )


def _possible(listed: Pairs, who: np.ndarray[Any, Any]) -> list[int]:
    """The rows of the pairs that can be, one by one."""
    labels: dict[frozenset[int], set[bool]] = {}
    for (a, b), flag in zip(listed.index.tolist(), listed.mated.tolist(), strict=True):
        labels.setdefault(frozenset((a, b)), set()).add(flag)
    rows, seen = [], set()
    for row, ((a, b), flag) in enumerate(
        zip(listed.index.tolist(), listed.mated.tolist(), strict=True)
    ):
        pair = frozenset((a, b))
        if a != b and len(labels[pair]) == 1 and pair not in seen and (flag or who[a] != who[b]):
            rows.append(row)
        seen.add(pair)
    return rows


def test_one_person_as_non_mated(world: dict[str, Any]) -> None:
    index, mated = all_pairs(world)
    rows = np.concatenate([np.flatnonzero(mated)[1:], np.flatnonzero(~mated)[::20]])
    pairs = Pairs(
        world["ids"], np.concatenate([index[rows], [[0, 1]]]), np.append(mated[rows], False)
    )
    ids, quality, vectors = flat(world)
    for found in (
        fiqa.evaluate(world["good"], world["vectors"], pairs=pairs, **FAST),
        fiqa.evaluate(quality, vectors, pairs=Pairs(ids, pairs.index, pairs.mated), **FAST),
    ):
        assert found.counts["pairs_one_person"] == 1
        assert found.counts["nonmated"] == len(np.flatnonzero(~mated)[::20])
        assert "1 pairs are non-mated and of one person and were left out." in found.notes


def test_equal_content_is_one_image(world: dict[str, Any]) -> None:
    index, mated = all_pairs(world)
    sums = np.array([f"sha{k}" for k in range(150)])
    sums[[1, 149]] = "sha0"
    faces = Manifest(world["ids"], world["ids"], world["who"], columns={"sha256": sums})
    found = fiqa.evaluate(
        world["good"],
        world["vectors"],
        pairs=Pairs(world["ids"], index, mated),
        faces=faces,
        **FAST,
    )
    assert (found.counts["duplicates"], found.counts["pairs_self"]) == (1, 2)


def test_a_folder_that_all_share_is_nobody(world: dict[str, Any]) -> None:
    ids = np.array([f"images/{k}" for k in range(150)])
    index, mated = all_pairs(world)
    found = gather(
        Quality(ids, world["good"].value, "good"),
        Embeddings(ids, world["vectors"].vector, None, "rec"),  # type: ignore[arg-type]
        pairs=Pairs(ids, index, mated),
    )
    assert found.identity_from.startswith("the list of pairs")
    assert found.nonmated is not None
    assert (len(found.mated), len(found.nonmated)) == (int(mated.sum()), int((~mated).sum()))


def test_ids_that_do_not_meet_are_shown_with_the_match_that_works(world: dict[str, Any]) -> None:
    theirs = np.array([f"else/where/{name.split('/')[1]}.png" for name in world["ids"].tolist()])
    quality = Quality(theirs, world["good"].value, "good")
    with pytest.raises(EvidenceError, match="got 0 of 150") as caught:
        fiqa.evaluate(quality, world["vectors"], **FAST)
    message = str(caught.value)
    for part in (
        "'else/where/0.png'",
        "'else/where/1.png'",
        "'p0/0'",
        "'p0/1'",
        "--match stem finds 150 of 150",
    ):
        assert part in message
    assert fiqa.evaluate(quality, world["vectors"], match="stem", **FAST).counts["images"] == 150
    mixed = Quality(np.concatenate([world["ids"][:75], theirs[75:]]), world["good"].value, "good")
    found = fiqa.evaluate(mixed, world["vectors"], **FAST)
    assert any(
        "has nothing for 75 of 150 images (--match stem finds 150 of 150)" in note
        for note in found.notes
    )
    lost = Pairs(np.array(["x/1", "x/2"]), np.array([[0, 1]]), np.array([True]))
    with pytest.raises(EvidenceError, match="the list of pairs has 'x/1', 'x/2'"):
        fiqa.evaluate(world["good"], world["vectors"], pairs=lost, **FAST)


def test_accents_composed_and_apart_are_one(world: dict[str, Any]) -> None:
    ids = np.char.replace(world["ids"], "p", "é")
    apart = np.array([unicodedata.normalize("NFD", name) for name in ids.tolist()])
    assert set(ids).isdisjoint(apart)
    vectors = Embeddings(ids, world["vectors"].vector, None, "rec")  # type: ignore[arg-type]
    found = fiqa.evaluate(Quality(apart, world["good"].value, "good"), vectors, **FAST)
    same = fiqa.evaluate(world["good"], world["vectors"], **FAST)
    np.testing.assert_array_equal(found.curve("good").curve.fnmr, same.curve("good").curve.fnmr)
    prior = Quality(apart, world["good"].value, "good")
    assert len(fiqa.label("label_optimization", embeddings=vectors, prior=prior)) == 150
    with pytest.raises(InputError, match="prior has 'x'; the images are"):
        fiqa.label(
            "label_optimization",
            embeddings=vectors,
            prior=Quality(np.array(["x"]), np.ones(1), "m"),
        )


def test_lower_is_better_is_asked_about_and_flipped(world: dict[str, Any]) -> None:
    bad = Quality(world["ids"], 5 - world["good"].value, "bad")
    noise = Quality(world["ids"], np.random.default_rng(3).random(150), "noise")
    found = fiqa.evaluate([world["good"], bad, noise], world["vectors"], **FAST)
    asked = [note for note in found.notes if "worse than random" in note]
    assert len(asked) == 1
    assert asked[0].startswith("bad is worse than random under rec")
    assert "`--flip bad`" in asked[0]
    turned = fiqa.evaluate([world["good"], bad, noise], world["vectors"], flip=["bad"], **FAST)
    assert not any("worse than random" in note for note in turned.notes)
    assert "bad was flipped: lower is better in its file." in turned.notes
    np.testing.assert_array_equal(turned.curve("bad").curve.fnmr, turned.curve("good").curve.fnmr)
    with pytest.raises(UnknownNameError, match="did you mean 'bad'"):
        fiqa.evaluate([bad], world["vectors"], flip=["bat"], **FAST)
    unit = gather(
        Quality(world["ids"], 1 - world["good"].value, "u"), world["vectors"], flip=["u"]
    ).scores[0]
    assert unit.unit is not None
    np.testing.assert_allclose(unit.unit, world["good"].value)
    assert unit.scale == "as given, lies in 0..1, flipped"


def test_a_list_of_one_fold_is_evaluated_without_folds(
    world: dict[str, Any], tmp_path: Path
) -> None:
    names = [f"A{p}/A{p}_{k:04d}" for p in range(25) for k in range(1, 7)]
    lines = (
        ["24"]
        + [f"A{p}\t1\t{2 + p % 5}" for p in range(24)]
        + [f"A{p}\t1\tA{p + 1}\t2" for p in range(24)]
    )
    (tmp_path / "pairsDevTest.txt").write_text("\n".join(lines) + "\n")
    ids = np.array(names)
    found = fiqa.evaluate(
        Quality(ids, world["good"].value, "good"),
        Embeddings(ids, world["vectors"].vector, None, "rec"),  # type: ignore[arg-type]
        pairs=tmp_path / "pairsDevTest.txt",
        **FAST,
    )
    assert (found.counts["mated"], found.counts["nonmated"]) == (24, 24)
    assert found.recognizers[0].accuracy is None
    assert "The pairs are of one fold: there is no accuracy over folds." in found.notes


@pytest.mark.usefixtures("figures")
def test_the_command_line_flips_too(world: dict[str, Any], tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from fiqa.cli import build
    from fiqa.data.embeddings import write_embeddings
    from fiqa.data.quality import write_quality
    from fiqa.data.store import read_sidecar

    write_quality(Quality(world["ids"], -world["good"].value, "bad"), tmp_path / "bad.csv")
    write_embeddings(world["vectors"], tmp_path / "e.npz")
    words = [
        "evaluate",
        "--quality",
        str(tmp_path / "bad.csv"),
        "--embeddings",
        str(tmp_path / "e.npz"),
    ]
    words += ["--fmr", "0.05", "--draws", "20", "-q"]
    asked = CliRunner().invoke(build(), words)
    assert "`--flip bad` turns it" in asked.stdout, asked.output
    flipped = CliRunner().invoke(build(), [*words, "--flip", "bad", "-o", str(tmp_path / "r")])
    assert flipped.exit_code == 0, flipped.output
    assert "bad was flipped" in flipped.stdout
    side = read_sidecar(tmp_path / "r")
    assert side is not None
    assert side["arguments"]["flip"] == ["bad"]
    assert side["identity_from"] == "the folder part of each id"


def copies(tmp_path: Path) -> tuple[Path, Embeddings, int]:
    """A table of scores with the sha256 of each file, three of them twice, and their vectors."""
    rng = np.random.default_rng(2)
    ids = [f"p{k // 4}/{k}" for k in range(24)]
    vectors = rng.normal(size=(24, 8)).astype(np.float32)
    twice = [0, 5, 11]
    ids += [f"{ids[k]}#2" for k in twice]
    vectors = np.vstack([vectors, vectors[twice]])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    digest = [f"{k:064x}" for k in (*range(24), *twice)]
    table = pl.DataFrame({"id": ids, "raw": rng.random(27), "sha256": digest})
    table.write_parquet(tmp_path / "scores.parquet")
    return tmp_path / "scores.parquet", Embeddings(np.array(ids), vectors), len(twice)


def test_an_image_is_not_compared_with_itself_where_the_scores_know_its_content(
    tmp_path: Path,
) -> None:
    file, vectors, twice = copies(tmp_path)
    run = gather(file, vectors)
    mated = {tuple(sorted(run.ids[list(pair)])) for pair in run.mated}
    assert len(mated) == len(run.mated)
    assert run.counts["duplicates"] == twice
    assert not any((a, f"{a}#2") in mated for a in run.ids)
    assert f"{twice} mated pairs compare an image with itself" in " ".join(run.notes)
    table = pl.read_parquet(file)
    as_frame = gather(table, vectors)
    assert as_frame.mated.tolist() == run.mated.tolist()
    other = tmp_path / "plain.parquet"
    table.drop("sha256").write_parquet(other)
    both = gather([other, file], vectors)
    assert both.mated.tolist() == run.mated.tolist(), "one source that knows is enough"


def test_equal_vectors_are_told_where_nobody_knows_the_content(tmp_path: Path) -> None:
    file, vectors, twice = copies(tmp_path)
    pl.read_parquet(file).drop("sha256").write_parquet(file)
    run = gather(file, vectors)
    assert f"{twice} mated pairs have equal vectors to the last bit" in " ".join(run.notes)
    apart = Embeddings(vectors.id, vectors.vector, np.arange(27, dtype=np.float32) + 1)
    assert "equal vectors" not in " ".join(gather(file, apart).notes), "norms tell them apart"
