"""Who is enrolled, with what, and who is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cli import build
from fiqa.data.embeddings import read_embeddings
from fiqa.errors import InputError, UnknownNameError

Maker = Callable[..., Path]


def call(*words: str) -> Any:
    return CliRunner().invoke(build(), list(words))


def two_people(folder: Maker, drawn: Any) -> tuple[Path, dict[str, list[str]]]:
    tracks = [drawn(0, f"mon{i}", regime="nir" if i == 2 else "rgb") for i in range(3)]
    tracks += [drawn(1, f"tue{i}", quality=0.5) for i in range(2)]
    who = {"Anna": [t.name for t in tracks[:3]], "Bert": [t.name for t in tracks[3:]]}
    return folder("week", tracks), who


def test_a_gallery_has_a_template_of_each_regime_and_of_all(
    folder: Maker, drawn: Any, tmp_path: Path
) -> None:
    source, who = two_people(folder, drawn)
    out = tmp_path / "gallery.npz"
    gallery = fiqa.enroll(source, who, out=out)
    assert not gallery.refused
    known = read_embeddings(out)
    assert known.id.tolist() == ["Anna/joint", "Anna/nir", "Anna/rgb", "Bert/joint", "Bert/rgb"]
    assert known.recognizer == "k"
    of = dict(zip(known.id.tolist(), known.vector, strict=True))
    alone = read_embeddings(source / "templates.npz")
    single = dict(zip(alone.id.tolist(), alone.vector, strict=True))
    assert np.allclose(of["Anna/nir"], single["mon2-1"], atol=1e-6)
    mean = sum(single[track] for track in who["Anna"])
    # equal qualities weigh the same
    assert np.allclose(of["Anna/joint"], mean / np.linalg.norm(mean), atol=1e-6)
    people = json.loads((tmp_path / "gallery.npz.json").read_text())["people"]
    assert [(p["identity"], p["provisional"]) for p in people] == [("Anna", False), ("Bert", True)]
    before = out.read_bytes()
    fiqa.enroll(source, who, out=out)
    assert out.read_bytes() == before


def test_the_better_drive_weighs_more_and_the_longer_one_does_not(
    folder: Maker, drawn: Any
) -> None:
    bad, good = drawn(0, "a", quality=0.1, off=0.5), drawn(0, "b", quality=0.8, off=0.5)
    short = folder("short", [bad, good])
    people = {"Anna": [bad.name, good.name]}
    joint = fiqa.enroll(short, people).embeddings.vector[0]
    assert joint @ good.vector() > joint @ bad.vector() + 0.02
    # the bad drive ten times over is still one drive
    same = [drawn(0, "a", n, 0.1, off=0.5) for n in range(1, 11)]
    longer = folder("long", [*same, good])
    table = pl.DataFrame(
        [{"identity": "Anna", "track": t.name, "drive": "one"} for t in same]
        + [{"identity": "Anna", "track": good.name, "drive": "two"}]
    )
    gallery = fiqa.enroll(longer, table)
    assert gallery.people[0].drives == 2
    assert gallery.embeddings.vector[0] @ good.vector() > 0.9


def test_a_drive_is_a_video_wherever_it_lies(folder: Maker, drawn: Any) -> None:
    # the same name in two folders, and one video that was selected twice
    first, second = folder("mon", [drawn(0, "drive")]), folder("tue", [drawn(0, "drive")])
    people = {"Anna": ["mon/drive-1", "tue/drive-1"]}
    assert fiqa.enroll([first, second], people).people[0].drives == 1
    for place in (first, second):
        table = pl.read_parquet(place / "frames.parquet")
        moved = pl.when(pl.col("status") == "ok").then("path")
        moved = moved.otherwise(pl.format("/{}/{}", pl.lit(place.name), "path"))
        table.with_columns(path=moved).write_parquet(place / "frames.parquet")
    assert fiqa.enroll([first, second], people).people[0].drives == 2


def test_a_foreign_drive_is_refused_and_both_are_named(folder: Maker, drawn: Any) -> None:
    tracks = [drawn(0, f"mon{i}") for i in range(3)] + [drawn(1, f"tue{i}") for i in range(4)]
    people = {
        "Anna": [*(t.name for t in tracks[:3]), tracks[6].name],
        "Bert": [t.name for t in tracks[3:6]],
    }
    source = folder("week", tracks)
    gallery = fiqa.enroll(source, people)
    assert [person.identity for person in gallery.refused] == ["Anna"]
    reason = gallery.refused[0].refused
    assert "'tue3.mp4' is unlike the others" in reason
    assert "'tue3.mp4' is like 'Bert'" in reason
    assert set(gallery.embeddings.id.tolist()) == {"Bert/joint", "Bert/rgb"}


def test_a_face_that_is_not_like_itself_is_refused_without_another_person(
    folder: Maker, drawn: Any
) -> None:
    """Three drives whose vectors are mostly noise: no template would know this person again."""
    tracks = [drawn(0, f"mon{i}", off=3.0) for i in range(3)]
    gallery = fiqa.enroll(folder("week", tracks), {"Anna": [t.name for t in tracks]})
    (anna,) = gallery.refused
    assert anna.likeness is not None
    assert anna.likeness < 0.4
    assert "is unlike the others" in anna.refused
    assert "is like" not in anna.refused
    assert anna.cut is None
    assert not len(gallery.embeddings)


def test_two_names_of_one_person_are_both_refused(folder: Maker, drawn: Any) -> None:
    tracks = [drawn(0, f"mon{i}") for i in range(4)]
    people = {"Anna": [t.name for t in tracks[:2]], "Anne": [t.name for t in tracks[2:]]}
    gallery = fiqa.enroll(folder("week", tracks), people)
    assert "is like 'Anne'" in gallery.people[0].refused
    assert "is like 'Anna'" in gallery.people[1].refused
    assert not len(gallery.embeddings)


def test_one_light_is_warned_of_unless_the_table_knows_better(folder: Maker, drawn: Any) -> None:
    tracks = [drawn(0, f"mon{i}") for i in range(3)]
    source = folder("week", tracks)
    plain = fiqa.enroll(source, {"Anna": [t.name for t in tracks]})
    assert any("all drives are in one light (rgb)" in line for line in plain.lines())
    lights = [{"identity": "Anna", "track": t.name, "light": light}
              for t, light in zip(tracks, ("noon", "noon", "night"), strict=True)]  # fmt: skip
    known = fiqa.enroll(source, pl.DataFrame(lights))
    assert known.people[0].lights == ("night", "noon")
    assert not any("warning" in line for line in known.lines())


def test_cuts_go_to_the_own_one_with_the_drives(folder: Maker, drawn: Any) -> None:
    tracks = [drawn(0, f"mon{i}", quality=0.4) for i in range(20)]
    tracks += [drawn(1, "tue", quality=0.8)]
    who = {"Anna": [t.name for t in tracks[:20]], "Bert": ["tue-1"]}
    anna, bert = fiqa.enroll(folder("week", tracks), who).people
    # all of Anna's frames are below .5 and none of Bert's: half is the share for each
    own = float(np.quantile(0.4 + 0.01 * (np.tile(np.arange(10), 20) - 5), 0.5))
    assert anna.cut == pytest.approx((own + 0.5) / 2)
    assert bert.cut == pytest.approx(0.5 + (0.795 - 0.5) / 21)


def test_tables_on_disk_and_the_command(folder: Maker, drawn: Any, tmp_path: Path) -> None:
    source, who = two_people(folder, drawn)
    rows = [{"identity": n, "track": f"week/{t}"} for n, tracks in who.items() for t in tracks]
    pl.DataFrame(rows).write_csv(tmp_path / "people.csv")
    out = tmp_path / "gallery.parquet"
    done = call("enroll", str(source), "--people", str(tmp_path / "people.csv"), "-o", str(out))
    assert done.exit_code == 0, done.output
    assert "2 of 2 enrolled" in done.output
    assert "Bert: 2 drives (provisional)" in done.output
    assert pl.read_parquet(out)["identity"].to_list() == ["Anna"] * 3 + ["Bert"] * 2
    assert len(read_embeddings(out)) == 5
    words = ["--identity", "Anna", "--tracks", "mon0-1", "--tracks", "tue0-1"]
    refused = call("enroll", str(source), *words)
    assert refused.exit_code == 3
    assert "refused" in refused.output
    assert call("enroll", str(source), "--identity", "Anna").exit_code == 2


def test_evaluate_reads_a_gallery(folder: Maker, drawn: Any, tmp_path: Path) -> None:
    source, who = two_people(folder, drawn)
    fiqa.enroll(source, who, out=tmp_path / "gallery.npz")
    from fiqa.evaluation.sources import embeddings_of

    assert embeddings_of(tmp_path / "gallery.npz")[0].recognizer == "k"


def test_what_cannot_be_enrolled_is_told(folder: Maker, drawn: Any, tmp_path: Path) -> None:
    source, who = two_people(folder, drawn)
    other = folder("more", [drawn(0, "mon0")], threshold=0.5)
    with pytest.raises(UnknownNameError, match="mon0-2"):
        fiqa.enroll(source, {"Anna": ["mon0-2"]})
    with pytest.raises(InputError, match="2 folders have 'mon0-1'"):
        fiqa.enroll([source, other], {"Anna": ["mon0-1"]}, threshold=0.4)
    with pytest.raises(InputError, match=r"one threshold, got 0\.4 and 0\.5"):
        fiqa.enroll([source, other], {"Anna": ["more/mon0-1"]})
    with pytest.raises(InputError, match="of 'Anna' and 'Bert'"):
        fiqa.enroll(source, {"Anna": ["mon0-1"], "Bert": ["mon0-1"]})
    with pytest.raises(InputError, match="of 'Anna' and 'Bert'"):
        fiqa.enroll(source, {"Anna": ["mon0-1"], "Bert": ["week/mon0-1"]})
    with pytest.raises(InputError, match="columns identity and track, identity is not"):
        fiqa.enroll(source, pl.DataFrame({"track": ["mon0-1"]}))
    with pytest.raises(InputError, match="one recognizer, got those of 'k' and 'z'"):
        fiqa.enroll([source, folder("third", [drawn(0, "x")], known="z")], who)
    (source / "templates.npz").unlink()
    with pytest.raises(InputError, match=r"must have templates\.npz"):
        fiqa.enroll(source, who)
    with pytest.raises(InputError, match="has no sidecar"):
        fiqa.enroll(tmp_path, who)
    with pytest.raises(InputError, match="got none"):
        fiqa.enroll([], who)


def test_each_track_is_told(folder: Maker, drawn: Any) -> None:
    source, who = two_people(folder, drawn)
    told: list[tuple[str, int, int]] = []
    fiqa.enroll(source, who, progress=lambda *at: told.append(at))
    assert told == [("enroll", number, 5) for number in range(1, 6)]
