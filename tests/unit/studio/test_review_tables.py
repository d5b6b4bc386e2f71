"""The tables of the page Review, read by the verbs that they are made for; and decisions about
faces that this studio was not given."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import fiqa
from fiqa.data.manifest import find, read_manifest
from fiqa.errors import InputError, UnknownNameError
from fiqa.types import Embeddings


def _decide(client: Any, **form: Any) -> Any:
    answer = client.post("/review/decide", json={"version": 0, **form})
    assert answer.status_code == 200, answer.text
    return answer.json()


def _saved(client: Any, name: str, path: Path) -> Path:
    (path / f"{name}.csv").write_bytes(client.get(f"/review/{name}.csv").content)
    return path / f"{name}.csv"


@pytest.fixture
def embeddings(folder: Path) -> Embeddings:
    """Vectors of each person around a direction of its own."""
    manifest = find([folder])
    people = sorted(set(manifest.identity.tolist()))
    vector = np.eye(8)[[people.index(who) for who in manifest.identity.tolist()]]
    vector = vector + 0.3 * np.random.default_rng(5).normal(size=vector.shape)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    return Embeddings(manifest.id, vector.astype(np.float32), None, "made")


@pytest.mark.slow
def test_corrected_levels_are_evaluated_and_trained_on(
    folder, tmp_path, make_desk, browser, embeddings, trainable
) -> None:
    pytest.importorskip("torch", reason="needs the extra train")
    from fiqa.training.config import resolve

    desk = make_desk(folder)
    client = browser(desk)
    levels = ("unusable", "low", "medium", "good", "perfect")
    for row in range(len(desk.faces)):
        _decide(client, kind="level", row=row, value=levels[row % 5])
    (tmp_path / "studio").mkdir()
    labels = _saved(client, "labels", tmp_path / "studio")
    result = fiqa.evaluate({"people": labels}, embeddings, draws=0, fmr=0.1)
    assert "people" in {scores.name for scores in result.scores}
    recipe = trainable(optim__epochs=1)
    recipe["data"] |= {"faces": str(folder), "labels": str(labels), "validation": 0.34}
    run = fiqa.train(resolve(recipe), out=tmp_path / "run")
    assert [row["step"] for row in run.history]
    assert np.isfinite(run.history[-1]["loss"])


def test_moved_people_are_labeled_as_who_they_are(
    folder, tmp_path, make_desk, browser, embeddings
) -> None:
    client = browser(make_desk(folder))
    _decide(client, kind="identity", row=0, value="cyd")
    faces = _saved(client, "faces", tmp_path)
    out = tmp_path / "moved.csv"
    fiqa.label(
        "dmsfiqa", faces=faces, embeddings=embeddings, out=out, workers=1, judges=["analytic"]
    )
    who = dict(pl.read_csv(out).select("id", "identity").iter_rows())
    assert who["ada/0"] == "cyd"
    assert who["ada/1"] == "ada"


def test_only_accepted_findings_are_put_aside(folder, tmp_path, make_desk, browser) -> None:
    import shutil

    faces = tmp_path / "faces"
    shutil.copytree(folder, faces)
    shutil.copy(faces / "ada/0.png", faces / "ada/copy.png")
    shutil.copy(faces / "bob/0.png", faces / "bob/copy.png")
    out = tmp_path / "findings"
    found = fiqa.clean(faces, aligned=True, out=out, workers=1)
    twins = [k for k, f in enumerate(found) if "copy" in f"{f.id} {f.other_id}"]
    assert len(twins) >= 2
    client = browser(make_desk(faces, findings=out / "findings.parquet"))
    ada = next(k for k in twins if found.findings[k].id.startswith("ada"))
    for place in range(len(found)):
        _decide(client, kind="finding", place=place,
                value="accepted" if place == ada else "rejected")  # fmt: skip
    reviewed = _saved(client, "findings", tmp_path)
    aside = tmp_path / "aside"
    options: Any = {"aligned": True, "workers": 1, "apply": "move", "to": aside}
    moved = fiqa.clean(faces, **options, reviewed=reviewed)
    assert moved.moved is not None
    left = {path.relative_to(faces).as_posix() for path in faces.rglob("*.png")}
    put = found.findings[ada].id + ".png"
    assert put not in left
    assert len(left) == len(found.faces) - 1, "what was rejected stays"
    with pytest.raises(InputError, match="must go with apply"):
        fiqa.clean(faces, aligned=True, workers=1, reviewed=reviewed)
    alien = tmp_path / "alien.csv"
    alien.write_text("issue,id,other_id,decision\nblurred,nobody,,accepted\n")
    with pytest.raises(InputError, match="decide on a finding"):
        fiqa.clean(faces, **options, reviewed=alien)
    alien.write_text("issue,id\nblurred,nobody\n")
    with pytest.raises(UnknownNameError, match="decision"):
        fiqa.clean(faces, **options, reviewed=alien)
    with pytest.raises(UnknownNameError, match="path"):
        make_desk(faces, findings=alien)


@pytest.fixture
def film(folder: Path, tmp_path: Path) -> Path:
    """A manifest of one track of sixty frames and one of twelve, of the same pictures."""
    manifest = find([folder])
    path = tmp_path / "film.csv"
    pl.DataFrame(
        {
            "id": [f"f{k:03d}" for k in range(72)],
            "path": [manifest.path.tolist()[k % 12] for k in range(72)],
            "track": ["long"] * 60 + ["a&b <i>"] * 12,
            "frame": list(range(72)),
        }
    ).write_csv(path)
    return path


def test_a_track_is_cut_at_any_of_its_frames(film, tmp_path, make_desk, browser) -> None:
    client = browser(make_desk(film))
    listed = client.get("/review/tracks").text
    assert listed.count('class="begin"') == 20 + 12, "every third of sixty, all of twelve"
    assert 'href="?track=long"' in listed
    assert "<i>" not in listed
    whole = client.get("/review/tracks?track=long").text
    assert whole.count('class="begin"') == 60
    assert 'data-row="37"' in whole
    assert client.get("/review/tracks?track=none").status_code == 422
    _decide(client, kind="split", row=37)
    tracks = read_manifest(_saved(client, "faces", tmp_path)).columns["track"].tolist()
    assert tracks == ["long"] * 37 + ["long~2"] * 23 + ["a&b <i>"] * 12


def test_a_merged_track_is_cut_where_its_frames_came_from(
    film, tmp_path, make_desk, browser
) -> None:
    client = browser(make_desk(film))
    cut = _decide(client, kind="split", row=30)["version"]
    _decide(client, kind="merge", track="a&b <i>", value="long~2")
    page = client.get("/review/tracks?track=long~2").text
    assert f'data-row="59" data-split="{cut}"' in page
    assert 'data-row="65" data-split="0"' in page
    _decide(client, kind="split", row=65)
    tracks = read_manifest(_saved(client, "faces", tmp_path)).columns["track"].tolist()
    assert tracks[60:65] == ["long~2"] * 5
    assert set(tracks[65:]) == {"a&b <i>~2"}


def test_decisions_about_faces_that_are_not_here_are_said(
    film, folder, tmp_path, make_desk, browser
) -> None:
    store = tmp_path / "kept.sqlite"
    client = browser(make_desk(film, store=store))
    _decide(client, kind="level", row=3, value="good")
    _decide(client, kind="split", row=30)
    _decide(client, kind="merge", track="long~2", value="long")
    assert "not here" not in client.get("/review/log").text
    other = browser(make_desk(folder, store=store))
    _decide(other, kind="level", row=0, value="low")
    text = other.get("/review/log").text
    assert "3 of them are about what is not here" in text
    assert text.count('<span class="badge warn">not here</span>') == 3
    labels = pl.read_csv(_saved(other, "labels", tmp_path))
    assert labels["id"].to_list() == ["ada/0"]
