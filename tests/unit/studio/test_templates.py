"""The page Templates: a choice per key, saved, undone, exported, and labels made of it."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from PIL import Image

import fiqa


@pytest.fixture
def vectors(folder: Path, tmp_path: Path) -> Path:
    """Vectors of the faces: each person's around a direction of its own."""
    from fiqa.data.embeddings import write_embeddings
    from fiqa.data.manifest import find
    from fiqa.types import Embeddings

    manifest = find([folder])
    rng = np.random.default_rng(0)
    people = sorted(set(manifest.identity.tolist()))
    vector = np.stack([np.eye(8)[people.index(who)] for who in manifest.identity.tolist()])
    vector = vector + 0.2 * rng.normal(size=vector.shape)
    vector /= np.linalg.norm(vector, axis=1, keepdims=True)
    path = tmp_path / "a.npz"
    write_embeddings(Embeddings(manifest.id, vector.astype(np.float32), None, "a"), path)
    return path


@pytest.fixture
def candidates(folder: Path, vectors: Path, tmp_path: Path) -> Path:
    """The table of candidates that a first run of the labels wrote."""
    out = tmp_path / "labels.parquet"
    fiqa.label(
        "dmsfiqa",
        faces=folder,
        embeddings=vectors,
        out=out,
        workers=1,
        judges=["analytic"],
        candidates=3,
    )
    return Path(f"{out}.templates.csv")


def _choose(client: Any, person: int, place: int | None, version: int) -> Any:
    return client.post(f"/templates/{person}/choose", json={"place": place, "version": version})


def test_choices_become_templates_that_label_reads(
    folder, vectors, candidates, tmp_path, make_desk, browser
) -> None:
    desk = make_desk(folder, candidates=candidates, embeddings=[vectors])
    client = browser(desk)
    wanted = {}
    proposed = pl.read_csv(candidates)
    for person, (name, place) in enumerate([("ada", 1), ("bob", None), ("cyd", 2)]):
        answer = _choose(client, person, place, 0)
        assert answer.status_code == 200, answer.text
        if place is not None:
            own = proposed.filter(pl.col("identity") == name).sort("rank")
            wanted[name] = own["id"][place]
    assert answer.json()["done"] == 3
    saved = tmp_path / "templates.csv"
    saved.write_bytes(client.get("/templates/export.csv").content)
    table = pl.read_csv(saved)
    chosen = table.filter(pl.col("chosen") == 1)
    assert dict(zip(chosen["identity"], chosen["id"], strict=True)) == wanted
    assert set(chosen["annotator"]) == {"Ada"}
    out = tmp_path / "fine.csv"
    fiqa.label(
        "dmsfiqa",
        faces=folder,
        embeddings=vectors,
        templates=saved,
        out=out,
        workers=1,
        judges=["analytic"],
    )
    labels = pl.read_csv(out)
    by_person = {name: part for (name,), part in labels.group_by("identity")}
    assert set(by_person["bob"]["status"]) == {"no_template"}
    for name, template in wanted.items():
        assert set(by_person[name]["template"]) == {template}


def test_a_choice_must_name_the_version_that_was_seen(folder, make_desk, browser) -> None:
    client = browser(make_desk(folder))
    first = _choose(client, 0, 0, 0).json()
    stale = _choose(client, 0, 1, 0)
    assert stale.status_code == 409
    assert stale.json()["version"] == first["version"]
    assert _choose(client, 0, 1, first["version"]).status_code == 200


def test_undo_brings_the_choice_before_back(folder, make_desk, browser) -> None:
    client = browser(make_desk(folder))
    first = _choose(client, 0, 0, 0).json()
    _choose(client, 0, None, first["version"])
    back = client.post("/templates/undo", json={}).json()
    assert (back["places"], back["person"], back["done"]) == ([0], 0, 1)
    assert client.post("/templates/undo", json={}).json()["done"] == 0
    assert client.post("/templates/undo", json={}).status_code == 422


def test_a_choice_holds_when_the_candidates_are_others(
    folder, tmp_path, make_desk, browser
) -> None:
    def table(name: str, order: list[int]) -> Path:
        rows = [{"identity": "ada", "rank": k, "id": f"ada/{n}"} for k, n in enumerate(order, 1)]
        pl.DataFrame(rows).write_csv(tmp_path / name)
        return tmp_path / name

    client = browser(make_desk(folder, candidates=table("one.csv", [0, 1, 2])))
    assert _choose(client, 0, 0, 0).status_code == 200
    again = browser(make_desk(folder, candidates=table("two.csv", [2, 1, 0])))
    text = again.get("/templates/0").text
    assert text.index('aria-pressed="true"') > text.index("Candidate 3: ada/0") - 80
    assert "not among these candidates" not in text
    gone = browser(make_desk(folder, candidates=table("three.csv", [3, 1, 2])))
    text = gone.get("/templates/0").text
    assert "not among these candidates" in text
    assert "✓ chosen</span></p>" in " ".join(text.split())
    kept = pl.read_csv(gone.get("/templates/export.csv").content)
    assert kept["id"].to_list() == ["ada/3", "ada/1", "ada/2", "ada/0"]
    assert kept["chosen"].to_list() == [0, 0, 0, 1]
    told = _choose(gone, 0, 0, 1).json()
    assert (told["places"], told["elsewhere"]) == ([0], [])
    back = gone.post("/templates/undo", json={}).json()
    assert (back["places"], back["elsewhere"]) == ([], ["ada/0"])


def test_one_image_is_one_answer_whatever_the_candidates_were(
    folder, tmp_path, make_desk, browser
) -> None:
    for name, order in (("Ada", [0, 1, 2]), ("Bob", [2, 0, 1])):
        rows = [{"identity": "ada", "rank": k, "id": f"ada/{n}"} for k, n in enumerate(order, 1)]
        rows += [{"identity": "bob", "rank": k, "id": f"bob/{k}"} for k in (1, 2, 3)]
        pl.DataFrame(rows).write_csv(tmp_path / "candidates.csv")
        client = browser(make_desk(folder, candidates=tmp_path / "candidates.csv"), name)
        assert _choose(client, 0, order.index(0), 0).status_code == 200
        assert _choose(client, 1, None, 0).status_code == 200
    text = " ".join(client.get("/templates").text.split())
    assert "alike on 2" in text
    assert "<strong>1.00</strong>" in text


def test_two_annotators_choose_apart_and_their_kappa_is_shown(folder, make_desk, browser) -> None:
    from sklearn.metrics import cohen_kappa_score

    desk = make_desk(folder)
    ada, bob = browser(desk, "Ada"), browser(desk, "Bob")
    for person, place in enumerate([0, 1, None]):
        assert _choose(ada, person, place, 0).status_code == 200
    assert 'aria-pressed="true"' not in bob.get("/templates/0").text
    for person, place in enumerate([0, 2, None]):
        assert _choose(bob, person, place, 0).status_code == 200
    text = " ".join(bob.get("/templates").text.split())
    kappa = cohen_kappa_score([0, 1, 9], [0, 2, 9])
    assert "Both decided on 3, alike on 2" in text
    assert f"<strong>{kappa:.2f}</strong>" in text
    assert "They differ on" in text
    theirs = ada.get("/templates/export.csv?annotator=Bob").content
    assert pl.read_csv(theirs).filter(pl.col("chosen") == 1)["annotator"].to_list() == ["Bob"] * 2


def test_the_page_says_what_holds_and_what_does_not(
    folder, vectors, tmp_path, make_desk, browser
) -> None:
    from fiqa.data.embeddings import read_embeddings, write_embeddings
    from fiqa.types import Embeddings

    one = read_embeddings(vectors)
    # the other recognizer holds the nearest of each person for the farthest
    flipped = Embeddings(one.id, -one.vector[::-1].copy(), None, "b")
    write_embeddings(flipped, tmp_path / "b.npz")
    # the network sees the points of the others
    own = tmp_path / "faces"
    shutil.copytree(folder, own)
    noise = np.random.default_rng(0).integers(0, 256, (112, 112, 3), np.uint8)
    Image.fromarray(noise).save(own / "bob/2.png")
    desk = make_desk(own, embeddings=[vectors, tmp_path / "b.npz"])
    text = browser(desk).get("/templates/1").text
    for name in ("unoccluded", "near frontal", "lit", "whole", "sharp"):
        assert f"<span>{name}" in text
    assert text.count("like the rest, a") == 4
    assert text.count("not measured: no landmarks") == 1


@pytest.mark.parametrize(
    ("address", "content", "status"),
    [
        ("/templates/99/choose", {"place": 0, "version": 0}, 422),
        ("/templates/0/choose", {"place": 99, "version": 0}, 422),
        ("/templates/0/choose", {"place": True, "version": 0}, 422),
        ("/templates/0/choose", {"place": "../../etc/passwd", "version": 0}, 422),
        ("/templates/0/choose", {"place": 0}, 422),
        ("/templates/0/choose", [0], 400),
        ("/templates/ada/choose", {"place": 0, "version": 0}, 404),
    ],
)
def test_what_a_browser_sends_is_checked(folder, make_desk, browser, address, content, status):
    desk = make_desk(folder)
    answer = browser(desk).post(address, json=content)
    assert answer.status_code == status, answer.text
    assert desk.store.log() == []


def test_a_reload_shows_the_choice_and_a_new_studio_goes_on(
    folder, tmp_path, make_desk, browser
) -> None:
    client = browser(make_desk(folder, store=tmp_path / "kept.sqlite"))
    _choose(client, 0, 1, 0)
    assert client.get("/templates/0").text.count('aria-pressed="true"') == 1
    again = browser(make_desk(folder, store=tmp_path / "kept.sqlite"))
    assert again.get("/templates/0").text.count('aria-pressed="true"') == 1
    assert "1 of 3 people decided" in again.get("/templates").text


def test_hostile_names_are_text(tmp_path, make_desk, browser) -> None:
    from PIL import Image

    from fiqa.diagnosis.drawn_faces import drawn_faces

    name = "<script>alert(1)<&script>'\"onerror=x{{7*7}}"
    for k, crop in enumerate(drawn_faces(2).crops):
        place = tmp_path / "faces" / name / f"<img src=x onerror=alert({k})>\u202e.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(crop).save(place)
    client = browser(make_desk(tmp_path / "faces"), "<b>Eve</b>")
    for address in ("/templates", "/templates/0", "/review"):
        text = client.get(address).text
        assert "<script>alert" not in text
        assert "<img src=x" not in text
        assert "<b>Eve" not in text
        assert "\u202e" not in text
    assert "&lt;script&gt;" in client.get("/templates/0").text
