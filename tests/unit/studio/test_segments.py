"""Templates of people in video: candidates of every segment and kind of light, no likeness to one's
own frames, and labels made of what was chosen."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.embeddings import write_embeddings
from fiqa.data.manifest import find
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import UnknownNameError
from fiqa.types import Embeddings

TRACKS, EACH = 4, 6
PEOPLE = ("ada", "bob")


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two people, each in four tracks of six frames; the last track is infrared."""
    from PIL import Image

    crops = drawn_faces(len(PEOPLE) * TRACKS * EACH).crops
    lines = []
    for k, crop in enumerate(crops):
        person, track = PEOPLE[k // (TRACKS * EACH)], k // EACH % TRACKS
        path = tmp_path / "film" / person / f"{track}-{k % EACH}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(path)
        lines.append(
            {
                "id": f"{person}/{track}-{k % EACH}",
                "path": str(path),
                "identity": person,
                "track": f"{person}-t{track}",
                "frame": k % EACH,
                "regime": "nir" if track == TRACKS - 1 else "rgb",
            }
        )
    table = tmp_path / "film.csv"
    pl.DataFrame(lines).write_csv(table)
    return table


@pytest.fixture
def vectors(film: Path, tmp_path: Path) -> Path:
    """Vectors around a person's direction, the first track of each nearest to it; frames of a track
    are all but copies of each other."""
    table = pl.read_csv(film)
    draw = np.random.default_rng(3)
    rows = []
    for person, track in table.select("identity", "track").iter_rows():
        number = int(track[-1])
        vector = np.zeros(16)
        vector[PEOPLE.index(person)] = 1
        vector[4 + number] = 0.2 + 0.4 * number
        rows.append(vector + 0.01 * draw.normal(size=16))
    vector = np.array(rows)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    path = tmp_path / "a.npz"
    write_embeddings(
        Embeddings(np.array(table["id"].to_list()), vector.astype(np.float32), None, "a"), path
    )
    return path


def _shown(text: str) -> list[tuple[str, str]]:
    """The segment and the modality of each candidate on a page."""
    return re.findall(r"segment (\S+)\s+(\w+)</p>", text)


def test_candidates_are_of_every_segment_and_kind_of_light(film, vectors, make_desk, browser):
    text = browser(make_desk(film, embeddings=[vectors])).get("/templates/0").text
    shown = _shown(text)
    assert len(shown) == 9
    assert {track for track, _ in shown[:TRACKS]} == {f"ada-t{k}" for k in range(TRACKS)}
    assert {kind for _, kind in shown[:TRACKS]} == {"rgb", "nir"}


def test_frames_of_the_same_segment_are_no_likeness(film, vectors, make_desk, browser) -> None:
    desk = make_desk(film, embeddings=[vectors])
    text = browser(desk).get("/templates/0").text
    told = [float(value) for value in re.findall(r"like the rest, a</dt>\s*<dd>([\d.]+)", text)]
    ids = re.findall(r'aria-label="Candidate \d: ([^"]+)"', text)
    with np.load(vectors) as held:
        names = [str(name) for name in held["id"]] if "id" in held else None
        vector = next(v for v in held.values() if v.ndim == 2).astype(np.float64)
    names = names or pl.read_csv(film)["id"].to_list()
    for name, value in zip(ids, told, strict=True):
        own = name.split("-")[0]
        rest = [k for k, one in enumerate(names)
                if one.startswith("ada/") and one.split("-")[0] != own]  # fmt: skip
        expected = float((vector[rest] @ vector[names.index(name)]).mean())
        assert value == pytest.approx(expected, abs=0.006)


def test_the_choice_of_segments_is_what_label_reads(
    film, vectors, tmp_path, make_desk, browser
) -> None:
    client: Any = browser(make_desk(film, embeddings=[vectors]))
    wanted = set()
    for person in range(len(PEOPLE)):
        page = client.get(f"/templates/{person}").text
        ids = re.findall(r'aria-label="Candidate \d: ([^"]+)"', page)
        version = 0
        for place in (0, 1, 2):
            answer = client.post(
                f"/templates/{person}/choose", json={"place": place, "version": version}
            )
            assert answer.status_code == 200, answer.text
            version = answer.json()["version"]
            wanted.add(ids[place])
        assert answer.json()["places"] == [0, 1, 2]
    saved, out = tmp_path / "templates.csv", tmp_path / "labels.parquet"
    saved.write_bytes(client.get("/templates/export.csv").content)
    fiqa.label(
        "dmsfiqa", faces=film, embeddings=vectors, templates=saved, out=out, workers=1,
        judges=["analytic"], group_column="track",
    )  # fmt: skip
    labels = pl.read_parquet(out)
    judged = labels.filter(pl.col("status") == "ok")
    assert set(judged["template"]) <= wanted
    assert judged["template"].n_unique() > len(PEOPLE)
    own = [name.split("-")[0] == one.split("-")[0]
           for name, one in judged.select("id", "template").iter_rows()]  # fmt: skip
    assert not any(own), "no template judges its own segment"


def test_another_column_may_tell_the_segments(film, vectors, make_desk, browser) -> None:
    table = pl.read_csv(film).rename({"track": "drive"})
    table.write_csv(film)
    plain = browser(make_desk(film, embeddings=[vectors])).get("/templates/0").text
    assert _shown(plain) == []
    desk = make_desk(film, embeddings=[vectors], group_column="drive")
    assert len(_shown(browser(desk).get("/templates/0").text)) == 9
    with pytest.raises(UnknownNameError, match="group_column"):
        make_desk(film, group_column="driev")


def test_a_badge_says_where_recognizers_disagree(
    film, vectors, tmp_path, make_desk, browser
) -> None:
    from fiqa.data.embeddings import read_embeddings

    one = read_embeddings(vectors)
    # the other recognizer holds the last track for the nearest, the first for the farthest
    order = [f"{person}/{TRACKS - 1 - track}-{k}"
             for person in PEOPLE for track in range(TRACKS) for k in range(EACH)]  # fmt: skip
    place = {str(name): row for row, name in enumerate(one.id)}
    turned = one.vector[[place[name] for name in order]]
    write_embeddings(Embeddings(one.id, turned, None, "b"), tmp_path / "b.npz")
    alone = browser(make_desk(film, embeddings=[vectors])).get("/templates/0").text
    assert "recognizers disagree" not in alone
    both = make_desk(film, embeddings=[vectors, tmp_path / "b.npz"])
    assert "⚠ recognizers disagree" in browser(both).get("/templates/0").text
    same = make_desk(film, embeddings=[vectors, vectors])
    assert "recognizers disagree" not in browser(same).get("/templates/0").text


def test_near_frontal_is_measured_with_landmarks_of_the_table(
    folder, tmp_path, make_desk, browser
) -> None:
    from fiqa.functional.geometry import TEMPLATE

    manifest = find([folder])
    straight = np.asarray(TEMPLATE, float).ravel().round(2).tolist()
    aside = np.asarray(TEMPLATE, float).copy()
    aside[2, 0] += 14  # the nose, far to one side
    table = tmp_path / "faces.parquet"
    pl.DataFrame(
        {
            "id": manifest.id.tolist(),
            "path": manifest.path.tolist(),
            "identity": manifest.identity.tolist(),
            "landmarks": [straight if k % 2 else aside.ravel().tolist()
                          for k in range(len(manifest))],
        }
    ).write_parquet(table)  # fmt: skip
    text = browser(make_desk(table)).get("/templates/0").text
    assert "not measured: no landmarks" not in text
    found = re.findall(r'<span>near frontal<span class="hidden">: (\S+ ?\S*?)</span>', text)
    assert set(map(str.strip, found)) == {"met", "not met"}
    assert "yaw" in text
