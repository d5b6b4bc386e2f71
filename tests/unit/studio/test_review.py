"""The page Review: every decision is a row, and the tables of them are what other verbs read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fiqa.data.manifest import find, read_manifest
from fiqa.data.quality import read_quality


@pytest.fixture
def scores(folder: Path, tmp_path: Path) -> Path:
    """A table of scores: ascending in the order of the faces, some with reasons."""
    ids = find([folder]).id.tolist()
    path = tmp_path / "scores.parquet"
    pl.DataFrame(
        {
            "id": ids,
            "score": [k / len(ids) for k in range(len(ids))],
            "level": ["low"] * len(ids),
            "reasons": [["blurry"] if k % 2 else [] for k in range(len(ids))],
        }
    ).write_parquet(path)
    return path


def _decide(client: Any, status: int = 200, **form: Any) -> Any:
    answer = client.post("/review/decide", json={"version": 0, **form})
    assert answer.status_code == status, answer.text
    return answer.json()


def _table(client: Any, name: str, path: Path) -> Path:
    answer = client.get(f"/review/{name}.csv")
    assert answer.status_code == 200
    (path / f"{name}.csv").write_bytes(answer.content)
    return path / f"{name}.csv"


def _order(text: str) -> list[int]:
    return [int(part.split('"')[0]) for part in text.split('data-row="')[1:]]


def test_faces_go_from_worst_to_best_and_back(folder, scores, make_desk, browser) -> None:
    client = browser(make_desk(folder, scores=[scores]))
    assert _order(client.get("/review").text) == list(range(12))
    assert _order(client.get("/review?order=best").text) == list(reversed(range(12)))
    assert _order(client.get("/review?person=1").text) == [4, 5, 6, 7]
    assert _order(client.get("/review?reason=blurry").text) == [1, 3, 5, 7, 9, 11]
    assert client.get("/review?reason=none_such").status_code == 422
    assert client.get("/review?page=2").status_code == 422


def test_faces_without_a_score_stand_first_among_the_worst(
    folder, scores, tmp_path, make_desk, browser
) -> None:
    table = pl.read_parquet(scores)
    table.filter(pl.col("score") != 0.5).write_parquet(tmp_path / "some.parquet")
    client = browser(make_desk(folder, scores=[tmp_path / "some.parquet"]))
    assert _order(client.get("/review").text) == [6, *(k for k in range(12) if k != 6)]


def test_corrected_levels_and_reasons_are_labels_that_fiqa_reads(
    folder, scores, tmp_path, make_desk, browser
) -> None:
    desk = make_desk(folder, scores=[scores])
    client = browser(desk)
    _decide(client, kind="level", row=3, value="perfect")
    _decide(client, kind="reasons", row=1, value=["glare", "noisy"])
    assert _order(client.get("/review?reason=glare").text) == [1]
    assert 1 not in _order(client.get("/review?reason=blurry").text)
    path = _table(client, "labels", tmp_path)
    quality = read_quality(path)
    assert (quality.id.tolist(), quality.value.tolist()) == ([desk.faces.ids[3]], [0.9])
    assert (quality.method, quality.kind) == ("studio", "label")
    rows = {row["id"]: row for row in pl.read_csv(path).iter_rows(named=True)}
    said = rows[desk.faces.ids[1]]
    assert (said["reasons"], said["reasons_before"]) == ("glare;noisy", "blurry")
    assert said["annotator"] == "Ada"
    assert rows[desk.faces.ids[3]]["level_before"] == "low"


def test_a_person_is_moved_in_the_faces_that_verbs_read(
    folder, tmp_path, make_desk, browser
) -> None:
    desk = make_desk(folder)
    client = browser(desk)
    _decide(client, kind="identity", row=0, value="cyd")
    assert 0 in _order(client.get("/review?person=2").text)
    assert 0 not in _order(client.get("/review?person=0").text)
    faces = read_manifest(_table(client, "faces", tmp_path))
    assert len(faces) == 12
    assert (faces.identity[0], faces.columns["identity_before"][0]) == ("cyd", "ada")
    _decide(client, 422, kind="identity", row=0, value=" ")


def test_findings_are_accepted_and_rejected(folder, tmp_path, make_desk, browser) -> None:
    manifest = find([folder])
    table = tmp_path / "findings.csv"
    names = ("path", "id", "issue", "score", "measured", "limit", "evidence", "other", "other_id")
    rows = [
        (manifest.path[0], manifest.id[0], "blurred", 0.9, 1.0, 2.0, "soft", "", ""),
        (manifest.path[1], manifest.id[1], "dark", 0.6, 1.0, 2.0, "dim", "", ""),
        (manifest.path[2], manifest.id[2], "two_names", 0.6, None, None, "", manifest.path[5],
         manifest.id[5]),
    ]  # fmt: skip
    kept = [{k: str(v) if isinstance(v, str) else v for k, v in zip(names, r, strict=True)}
            for r in rows]  # fmt: skip
    pl.DataFrame(kept, infer_schema_length=None).write_csv(table)
    desk = make_desk(folder, findings=table)
    client = browser(desk)
    assert client.get("/review/findings").text.count('class="accept"') == 3
    _decide(client, kind="finding", place=0, value="accepted")
    _decide(client, kind="finding", place=1, value="rejected")
    _decide(client, kind="finding", place=2, value="accepted")
    _decide(client, 422, kind="finding", place=2, value="perhaps", version=3)
    faces = read_manifest(_table(client, "faces", tmp_path))
    assert faces.id.tolist() == manifest.id.tolist()[1:]
    decided = pl.read_csv(_table(client, "findings", tmp_path))
    assert decided["decision"].to_list() == ["accepted", "rejected", "accepted"]


@pytest.fixture
def film(folder: Path, tmp_path: Path) -> Path:
    """A manifest of the faces as two tracks of six frames, named against their order."""
    manifest = find([folder])
    path = tmp_path / "film.csv"
    pl.DataFrame(
        {
            "id": manifest.id.tolist(),
            "path": manifest.path.tolist(),
            "track": ["t1"] * 6 + ["t2"] * 6,
            "frame": [5, 4, 3, 2, 1, 0, 0, 1, 2, 3, 4, 5],
        }
    ).write_csv(path)
    return path


def test_tracks_are_split_and_merged(film, tmp_path, make_desk, browser) -> None:
    desk = make_desk(film)
    client = browser(desk)
    # in the order of frames t1 is rows 5, 4, 3, 2, 1, 0
    split = _decide(client, kind="split", row=2)
    _decide(client, kind="merge", track="t1~2", value="t2")
    tracks = read_manifest(_table(client, "faces", tmp_path)).columns["track"]
    assert list(map(str, tracks)) == ["t2"] * 3 + ["t1"] * 3 + ["t2"] * 6
    _decide(client, 409, kind="split", row=4)
    _decide(client, kind="split", row=4, version=split["version"])
    tracks = read_manifest(_table(client, "faces", tmp_path)).columns["track"]
    assert list(map(str, tracks))[3:6] == ["t2", "t2", "t1"]
    assert "t1~3" in client.get("/review/tracks").text
    client.post("/review/undo", json={})
    client.post("/review/undo", json={})
    client.post("/review/undo", json={})
    tracks = read_manifest(_table(client, "faces", tmp_path)).columns["track"]
    assert list(map(str, tracks)) == ["t1"] * 6 + ["t2"] * 6
    _decide(client, 422, kind="merge", track="t1", value="t1")
    _decide(client, 422, kind="merge", track="t1", value="nobody")


def test_two_reviewers_do_not_overwrite_each_other(folder, make_desk, browser) -> None:
    desk = make_desk(folder)
    ada, bob = browser(desk, "Ada"), browser(desk, "Bob")
    seen = _decide(ada, kind="level", row=0, value="good")["version"]
    late = _decide(bob, 409, kind="level", row=0, value="low")
    assert (late["annotator"], late["value"], late["version"]) == ("Ada", "good", seen)
    _decide(bob, kind="level", row=0, value="low", version=seen)
    assert ada.post("/review/undo", json={}).status_code == 409
    assert [d.value for d in desk.store.log()] == ["good", "low"]


def test_nobody_decides_nothing(folder, make_desk, browser) -> None:
    desk = make_desk(folder)
    client = browser(desk, "")
    _decide(client, 428, kind="level", row=0, value="good")
    assert desk.store.log() == []


@pytest.mark.parametrize(
    "form",
    [
        {"kind": "level", "row": 0, "value": "splendid"},
        {"kind": "level", "row": 12, "value": "good"},
        {"kind": "level", "row": "../x", "value": "good"},
        {"kind": "reasons", "row": 0, "value": ["<script>"]},
        {"kind": "track", "row": 0, "value": "good"},
        {"kind": "split", "row": 0},
        {"kind": "level", "row": 0, "value": "good", "version": -1},
    ],
)
def test_what_a_browser_sends_is_checked(folder, make_desk, browser, form) -> None:
    desk = make_desk(folder)
    _decide(browser(desk), 422, **form)
    assert desk.store.log() == []


@pytest.mark.slow
def test_a_hundred_thousand_faces_are_paged(tmp_path, make_desk, browser) -> None:
    n = 100_000
    table = tmp_path / "faces.parquet"
    pl.DataFrame(
        {
            "id": [f"p{k % 2000}/{k}" for k in range(n)],
            "path": [f"nowhere/{k}.png" for k in range(n)],
            "identity": [f"p{k % 2000}" for k in range(n)],
            "camera": [f"c{k % 3}" for k in range(n)],
        }
    ).write_parquet(table)
    scores = tmp_path / "scores.csv"
    pl.DataFrame(
        {
            "id": [f"p{k % 2000}/{k}" for k in range(n)],
            "score": [(k * 7919 % n) / n for k in range(n)],
        }
    ).write_csv(scores)
    client = browser(make_desk(table, scores=[scores]))
    first = client.get("/review").text
    assert len(_order(first)) == 48
    assert "100,000 faces" in first
    assert len(first) < 400_000
    last = client.get("/review?page=2084").text
    assert len(_order(last)) == n - 2083 * 48
    one = client.get("/review?group=camera&value=1&person=7&order=best")
    assert one.status_code == 200
    assert len(client.get("/templates").text) < 200_000


def test_decisions_are_in_words(folder, scores, make_desk, browser) -> None:
    client = browser(make_desk(folder, scores=[scores]))
    _decide(client, kind="reasons", row=1, value=["glare", "noisy"])
    _decide(client, kind="reasons", row=2, value=[])
    for person, place in ((0, 1), (1, None)):
        client.post(f"/templates/{person}/choose", json={"place": place, "version": 0})
    text = client.get("/review/log").text
    for words in ("glare, noisy", "<td>none</td>", "<td>ada/2</td>", "<td>none fits</td>"):
        assert words in text
    assert "{&#39;" not in text


def test_without_scores_the_page_says_that_there_is_no_worst(
    folder, scores, make_desk, browser
) -> None:
    assert "there is no best and no worst" in browser(make_desk(folder)).get("/review").text
    client = browser(make_desk(folder, scores=[scores]))
    assert "there is no best and no worst" not in client.get("/review").text
