"""fiqa.clean on drawn people: every kind with a case made by hand, and the edges."""

from __future__ import annotations

import csv
import os
import shutil

import cv2
import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

import fiqa
from fiqa.cleaning.findings import Finding, Findings
from fiqa.cleaning.limits import CleanLimits
from fiqa.cleaning.pairs import splits_of
from fiqa.cleaning.people import leaking_people, people_findings, stranger_limit
from fiqa.cli import build
from fiqa.data.embeddings import write_embeddings
from fiqa.data.images import Limits, read_image, write_image
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import InputError, UnknownNameError
from fiqa.faces.degrade import degrade
from fiqa.types import Embeddings, Faces, Manifest
from fiqa.vocabulary import ISSUES, REMEDIES


@pytest.fixture(scope="module")
def drawn():
    """Twelve drawn faces, each before a background of its own and with its own shadows: the bare
    drawings are too like each other for pictures of different people."""
    rng = np.random.default_rng(4)
    inside = np.zeros((112, 112, 1), np.float32)
    cv2.ellipse(inside, (56, 62), (34, 46), 0, 0, 360, 1.0, -1)
    crops = []
    for crop in drawn_faces(12, seed=4).crops:
        scene = cv2.resize(rng.integers(0, 256, (16, 16, 3), np.uint8), (112, 112))
        shade = 1 + 0.25 * cv2.resize(rng.uniform(-1, 1, (7, 7)), (112, 112))[..., None]
        crops.append((crop * shade * inside + scene * (1 - inside)).clip(0, 255).astype(np.uint8))
    return Faces(np.stack(crops))


@pytest.fixture
def people(tmp_path, drawn):
    """Four drawn people, three different pictures each."""
    for k in range(12):
        write_image(tmp_path / "in" / f"p{k // 3}" / f"{k % 3}.png", drawn.crops[k])
    return tmp_path / "in"


def look(folder, *args, **named):
    return fiqa.clean(folder, *args, aligned=True, workers=1, **named)


def told(findings, issue):
    return [(f.id, f.other_id) for f in findings.of(issue)]


def vectors_of(folder, centers, noise=0.05, seed=0):
    """Vectors by the name of the folder, around the given centers."""
    manifest = fiqa.scan(folder)
    rng = np.random.default_rng(seed)
    rows = [np.eye(12)[centers[n]] + noise * rng.normal(size=12) for n in manifest.identity]
    unit = np.array(rows, np.float32)
    return Embeddings(manifest.id, unit / np.linalg.norm(unit, axis=1, keepdims=True))


def test_every_issue_has_a_remedy_of_one_sentence_and_more():
    assert tuple(ISSUES) == tuple(REMEDIES)
    for text in (*ISSUES.values(), *REMEDIES.values()):
        assert text[0].isupper()
        assert text.endswith(".")


def test_clean_people_have_nothing_wrong_but_their_being_drawn(people):
    findings = look(people)
    for issue in ("unreadable", "exact_duplicate", "near_duplicate", "border", "too_small"):
        assert findings.of(issue) == []
    assert set(findings.skipped) == {
        "several_people", "wrong_person", "two_names", "leak_image", "leak_person",
    }  # fmt: skip
    assert "no embeddings were given" in findings.skipped["wrong_person"]
    assert set(findings.looked) | set(findings.skipped) == set(ISSUES)
    assert set(findings.looked) & set(findings.skipped) == set()


def test_copies_name_the_one_that_stays(people):
    shutil.copy(people / "p0/0.png", people / "p0/copy.png")
    shutil.copy(people / "p1/0.png", people / "p3/stranger.png")
    pixels = read_image(people / "p2/1.png").pixels
    write_image(people / "p2/again.jpg", pixels, quality=60)
    write_image(people / "p2/mirror.png", np.ascontiguousarray(pixels[:, ::-1]))
    findings = look(people)
    pairs = {frozenset(pair) for pair in told(findings, "exact_duplicate")}
    assert pairs == {frozenset({"p0/0", "p0/copy"}), frozenset({"p1/0", "p3/stranger"})}
    near = {frozenset(pair) for pair in told(findings, "near_duplicate")}
    assert len(near) == 2
    assert set().union(*near) == {"p2/1", "p2/again", "p2/mirror"}
    other = next(f for f in findings.of("exact_duplicate") if "p3" in f.path + f.other)
    assert "under another name: 'p" in other.evidence
    # what stays is no copy of anything
    gone = {f.id for f in findings if f.issue.endswith("duplicate")}
    assert all(f.other_id not in gone for f in findings if f.issue.endswith("duplicate"))


def test_pictures_by_themselves(people):
    crop = read_image(people / "p0/0.png").pixels
    framed = cv2.copyMakeBorder(crop, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    write_image(people / "p0/framed.png", framed)
    write_image(people / "p0/tiny.png", np.ascontiguousarray(crop[::4, ::4]))
    write_image(people / "p0/noface.png", np.random.default_rng(0).integers(
        0, 256, (112, 112, 3), dtype=np.uint8))  # fmt: skip
    for name, kind in (("soft", "blur"), ("night", "low_light"), ("mask", "mask")):
        write_image(people / f"p0/{name}.png", degrade(Faces(crop[None]), kind, 1.0).crops[0])
    (people / "p0/broken.png").write_bytes((people / "p0/0.png").read_bytes()[:300])
    (people / "p0/empty.jpg").touch()
    findings = look(people)
    assert "p0/framed" in {name for name, _ in told(findings, "border")}
    assert "p0/tiny" in {name for name, _ in told(findings, "too_small")}
    assert "p0/noface" in {name for name, _ in told(findings, "no_face")}
    assert "p0/soft" in {name for name, _ in told(findings, "blurred")}
    assert "p0/night" in {name for name, _ in told(findings, "dark")}
    assert {name for name, _ in told(findings, "unreadable")} == {"p0/broken", "p0/empty"}
    border = next(f for f in findings.of("border") if f.id == "p0/framed")
    assert border.measured == pytest.approx(1 - (112 / 130) ** 2, abs=0.02)
    assert "pixels: top 9, bottom 9, left 9, right 9" in border.evidence


@pytest.mark.parametrize(
    ("name", "value", "issue"),
    [
        ("border", 0.5, "border"),
        ("eyes", 5, "too_small"),
        ("blurred", 0, "blurred"),
        ("copy_bits", 0, "near_duplicate"),
    ],
)
def test_a_limit_can_be_moved(people, name, value, issue):
    crop = read_image(people / "p0/0.png").pixels
    framed = cv2.copyMakeBorder(crop, 9, 9, 9, 9, cv2.BORDER_CONSTANT, value=(0, 0, 0))
    write_image(people / "p0/framed.png", framed)
    write_image(people / "p0/tiny.png", np.ascontiguousarray(crop[::4, ::4]))
    write_image(people / "p1/soft.png", degrade(Faces(crop[None]), "blur", 1.0).crops[0])
    write_image(people / "p0/again.jpg", np.ascontiguousarray(crop[1:-2, 2:-1]), quality=40)
    assert look(people).of(issue)
    assert look(people, settings={name: value}).of(issue) == []


def test_limits_are_checked():
    with pytest.raises(UnknownNameError, match="blured"):
        CleanLimits.of({"blured": 0.5})
    with pytest.raises(InputError, match="border"):
        CleanLimits.of({"border": 2})
    with pytest.raises(InputError, match="a whole number"):
        CleanLimits.of({"copy_bits": 0.5})


def hand_made():
    """Three people at right angles, five images each; image 0 of "a" is of a fourth person."""
    rng = np.random.default_rng(1)
    names = np.repeat(["a", "b", "c"], 5)
    rows = np.eye(8)[np.repeat([0, 1, 2], 5)]
    rows[0] = np.eye(8)[5]
    rows = rows + 0.05 * rng.normal(size=rows.shape)
    ids = np.array([f"{name}/{k}" for k, name in enumerate(names)])
    manifest = Manifest(ids, ids, names)
    return manifest, (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def test_a_stranger_in_a_folder_is_the_only_wrong_person():
    manifest, vectors = hand_made()
    findings = list(people_findings(manifest, vectors, CleanLimits()))
    wrong = [f for f in findings if f.issue == "wrong_person"]
    assert [f.id for f in wrong] == ["a/0"]
    assert wrong[0].other_id.startswith("a/")
    assert wrong[0].other_id != "a/0"
    assert wrong[0].measured < wrong[0].limit
    assert list(people_findings(manifest, vectors, CleanLimits(wrong_person=0.0))) == []


def test_the_limit_is_the_quantile_of_strangers_by_hand():
    ratio = np.array([0.5, np.nan, 0.6], np.float32)
    near, stranger = np.array([0.0, 9.0, 1.0]), np.array([0.2, 9.0, 0.2])
    assert stranger_limit(ratio, near, stranger, 1.0) == pytest.approx(0.2)
    assert stranger_limit(ratio, near, stranger, 0.0) == pytest.approx(0.1)
    assert stranger_limit(ratio[1:2], near[1:2], stranger[1:2], 0.5) == -np.inf


def test_two_names_of_one_person_are_one_finding():
    manifest, vectors = hand_made()
    names = manifest.identity.astype("U2")
    names[[6, 8]] = "bb"
    findings = people_findings(Manifest(manifest.id, manifest.path, names), vectors, CleanLimits())
    pairs = [f for f in findings if f.issue == "two_names"]
    assert [{f.id[:1], f.other_id[:1]} for f in pairs] == [{"b"}]
    assert "'bb' (2 images) and 'b' (3)" in pairs[0].evidence


@pytest.mark.parametrize("count", [1, 2])
def test_people_of_one_image_are_neither_wrong_nor_equal(count):
    vectors = np.eye(2, dtype=np.float32)[:count]
    ids = np.array(["a/1", "b/1"][:count])
    manifest = Manifest(ids, ids, np.array(["a", "b"][:count]))
    assert list(people_findings(manifest, vectors, CleanLimits())) == []


def test_with_embeddings_people_are_looked_for(people):
    findings = look(people, vectors_of(people, {"p0": 0, "p1": 1, "p2": 2, "p3": 0}))
    assert {frozenset(i[:2] for i in pair) for pair in told(findings, "two_names")} <= {
        frozenset({"p0", "p3"})
    }
    assert "two_names" not in findings.skipped or "two people" in findings.skipped["two_names"]


def test_embeddings_of_other_images_are_refused(people):
    other = Embeddings(np.array(["x"]), np.ones((1, 1), np.float32))
    with pytest.raises(InputError, match="embeddings must have vectors of these images"):
        look(people, other)


def test_match_finds_embeddings_under_the_names_of_files(people):
    own = vectors_of(people, {"p0": 0, "p1": 1, "p2": 2, "p3": 3})
    renamed = Embeddings(np.array([f"other/{k}.png" for k in range(12)]), own.vector)
    with pytest.raises(InputError, match="none fits"):
        look(people, renamed)
    files = [f"crops/{name.replace('/', '-')}.png" for name in own.id.tolist()]
    for path, name in zip(sorted(people.rglob("*.png")), files, strict=True):
        path.rename(path.with_name(os.path.basename(name)))
    findings = look(people, Embeddings(np.array(files), own.vector), match="stem")
    assert not [note for note in findings.notes if "have no vector" in note]


def test_what_an_image_may_cost_and_how_far_the_work_is(people):
    told = []
    few = Limits(max_bytes=100)
    findings = look(people, limits=few, progress=lambda *at: told.append(at))
    assert len(findings.of("unreadable")) == 12
    assert told == [("look", done, 12) for done in range(1, 13)]


def test_several_processes_find_the_same(people):
    alone = look(people)
    assert list(fiqa.clean(people, aligned=True, workers=2)) == list(alone)


def test_splits_and_leaks(people):
    train, test = people.parent / "set/train", people.parent / "set/test"
    shutil.copytree(people, train)
    shutil.copytree(people / "p3", test / "p3")
    shutil.rmtree(train / "p3")
    assert look(people.parent / "set").of("leak_person") == []
    shutil.copytree(people / "p0", test / "p0")
    findings = look(people.parent / "set")
    assert set(told(findings, "leak_image")) == {
        (f"train/p0/{k}", f"test/p0/{k}") for k in range(3)
    }
    assert told(findings, "leak_person") == [("train/p0/0", "test/p0/0")]
    assert "3 in test, 3 in train" in findings.of("leak_person")[0].evidence
    assert "Splits are from the folders test, train." in findings.notes


def test_a_column_tells_the_split_before_folders_do():
    ids = np.array(["train/a", "test/b", "x"])
    assert splits_of(Manifest(ids, ids, split=np.array(["k", "", ""])))[0].tolist() == ["k", "", ""]
    assert splits_of(Manifest(ids, np.array(["train/a", "train/b", "x"])))[1] == ""
    many = Manifest(ids, ids, np.array(["p", "p", "p"]))
    found = list(leaking_people(many, np.array(["val", "train", "train"])))
    assert [(f.id, f.other_id, f.measured) for f in found] == [("test/b", "train/a", 3.0)]
    assert list(leaking_people(many, np.array(["", "train", "train"]))) == []


def test_several_people_and_nobody_in_photographs(photo_folder, tmp_path):
    portrait = read_image(photo_folder / "photos/astronaut.png").pixels
    folder = tmp_path / "photos"
    write_image(folder / "one.png", portrait)
    write_image(folder / "two.png", np.concatenate([portrait, portrait], axis=1))
    write_image(folder / "none.png", np.full((200, 200, 3), 90, np.uint8))
    findings = fiqa.clean(folder, detector="dlib", workers=1)
    assert [f.id for f in findings.of("several_people")] == ["two"]
    assert findings.of("several_people")[0].measured == pytest.approx(1, abs=0.1)
    assert "none" in [f.id for f in findings.of("no_face")]
    assert "several_people" not in findings.skipped


def test_no_image_one_image_two_images_and_missing_ones(tmp_path, drawn):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="at least one image"):
        look(tmp_path / "empty")
    write_image(tmp_path / "x/1.png", drawn.crops[0])
    assert look(tmp_path / "x").of("exact_duplicate") == []
    shutil.copy(tmp_path / "x/1.png", tmp_path / "x/2.png")
    assert len(look(tmp_path / "x").of("exact_duplicate")) == 1
    found = look([tmp_path / "x/1.png", tmp_path / "gone.png"])
    assert [f.issue for f in found if f.path.endswith("gone.png")] == ["unreadable"]


def test_hostile_files_and_names_make_rows_and_pages(hostile_folder, tmp_path, drawn):
    folder = next(iter(hostile_folder)).parent
    for name in ('<script>"&.png', "a\nb.png", "'; --.png"):
        write_image(folder / name, drawn.crops[1])
    os.rename(folder / "a\nb.png", os.fsencode(folder) + b"/caf\xe9.png")
    findings = look(folder, out=tmp_path / "out")
    broken = {path for path, status in hostile_folder.items() if status != "ok"}
    assert {f.path for f in findings.of("unreadable")} & set(map(str, broken))
    page = (tmp_path / "out/index.html").read_text()
    assert "<script>" not in page
    again = look(folder, out=tmp_path / "out")
    assert again.current
    assert list(again) == list(findings)


def test_the_folder_of_findings_and_a_rerun_that_does_nothing(people, tmp_path):
    shutil.copy(people / "p0/0.png", people / "p0/copy.png")
    out = tmp_path / "out"
    first = look(people, out=out)
    states = {file: file.stat().st_mtime_ns for file in (*out.iterdir(), tmp_path / "out.json")}
    again = look(people, out=out)
    assert (first.current, again.current) == (False, True)
    assert list(again) == list(first)
    assert (again.looked, again.skipped, list(again.notes)) == (
        first.looked, first.skipped, list(first.notes),
    )  # fmt: skip
    assert {file: file.stat().st_mtime_ns for file in states} == states
    assert not look(people, out=out, settings={"border": 0.5}).current
    assert not look(people, out=out, force=True).current
    assert pl.read_parquet(out / "findings.parquet").equals(first.frame())
    assert len(pl.read_csv(out / "findings.csv")) == len(first)


def test_the_tables_for_other_tools(people, tmp_path):
    shutil.copy(people / "p0/0.png", people / "p0/copy.png")
    findings = look(people, out=tmp_path / "out")
    with open(tmp_path / "out/fiftyone.csv", newline="") as file:
        rows = {os.path.basename(row["filepath"]): row for row in csv.DictReader(file)}
    assert len(rows) <= 13
    gone = os.path.basename(findings.of("exact_duplicate")[0].path)
    assert "exact_duplicate" in rows[gone]["issues"]
    assert os.path.isabs(rows[gone]["filepath"])
    assert rows[gone]["ground_truth"] == "p0"
    judged = pl.read_csv(tmp_path / "out/cleanlab.csv")
    assert len(judged) == 13
    flagged = judged.filter(pl.col("is_exact_duplicate_issue"))
    assert flagged["id"].to_list() == [findings.of("exact_duplicate")[0].id]
    assert flagged["exact_duplicate_score"].to_list() == [0.0]
    assert set(judged.filter(~pl.col("is_border_issue"))["border_score"].to_list()) == {1.0}
    assert "is_wrong_person_issue" not in judged.columns, "what was not looked for is not clear"


def test_a_file_listed_twice_or_by_a_link_is_no_copy_of_itself(people, tmp_path):
    file = people / "p0/0.png"
    (people / "p0/link.png").symlink_to(file)
    os.link(file, people / "p0/hard.png")
    findings = look([people, file], apply="move", to=tmp_path / "aside", only=["exact_duplicate"])
    assert findings.of("exact_duplicate") == []
    assert findings.of("near_duplicate") == []
    assert findings.moved.done == []
    assert file.is_file()


def test_only_some_kinds_go_aside(people, tmp_path):
    shutil.copy(people / "p0/0.png", people / "p0/copy.png")
    (people / "p0/empty.png").touch()
    findings = look(people, apply="copy", to=tmp_path / "aside", only=["unreadable"])
    assert [os.path.basename(path) for path, _ in findings.moved.done] == ["empty.png"]
    assert f"the journal is {tmp_path / 'aside/journal-1.jsonl'}" in findings.lines()[-1]
    with pytest.raises(UnknownNameError, match="issue"):
        look(people, only=["ugly"])
    with pytest.raises(UnknownNameError, match="apply"):
        look(people, apply="delete", to=tmp_path / "aside")


def test_findings_without_any_have_a_table_and_a_sentence(people):
    none = Findings([], fiqa.scan(people))
    assert none.verdict() == "Nothing wrong was found in 12 images."
    assert none.frame().columns[-1] == "action"
    assert "Nothing wrong" in none._repr_html_()
    one = Finding("a", "a", "dark", 0.5)
    assert Findings([one, one], fiqa.scan(people)).verdict().startswith("1 of 12 images has")
    with pytest.raises(UnknownNameError, match="issue"):
        Finding("a", "a", "ugly", 0.5)
    with pytest.raises(UnknownNameError, match="issue"):
        none.of("ugly")


def test_outputs_over_inputs_and_halves_of_apply_are_refused(people, tmp_path):
    file = tmp_path / "out/findings.parquet"
    write_embeddings(vectors_of(people, {f"p{k}": k for k in range(4)}), tmp_path / "e.parquet")
    file.parent.mkdir()
    shutil.move(tmp_path / "e.parquet", file)
    with pytest.raises(InputError, match="must not be one of the inputs"):
        look(people, file, out=tmp_path / "out")
    with pytest.raises(InputError, match="must be given together"):
        look(people, apply="copy")
    with pytest.raises(InputError, match="must lie outside"):
        look(people, apply="move", to=people / "aside")


def call(*words):
    return CliRunner().invoke(build(), ["clean", *map(str, words)], prog_name="fiqa")


def test_the_command_looks_moves_and_brings_back(people, tmp_path):
    shutil.copy(people / "p0/0.png", people / "p0/copy.png")
    before = sorted(people.rglob("*.png"))
    plain = call(people, "--aligned", "--workers", 1, "-q")
    assert plain.exit_code == 3
    assert "exact_duplicate: The file has the same bytes as another one." in plain.stdout
    assert "not looked for: wrong_person: no embeddings were given" in plain.stdout
    assert sorted(people.rglob("*.png")) == before
    aside = tmp_path / "aside"
    moved = call(people, "--aligned", "--workers", 1, "-q", "--apply", "move", "--to", aside)
    assert moved.exit_code == 3
    assert len(sorted(people.rglob("*.png"))) < len(before)
    assert len(list(aside.rglob("*.png"))) + len(sorted(people.rglob("*.png"))) == len(before)
    back = call("--undo", aside / "journal-1.jsonl")
    assert back.exit_code == 0
    assert sorted(people.rglob("*.png")) == before


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((), "FACES must name at least one image"),
        (("x", "--undo", "j"), "--undo must stand alone"),
        (("x", "--aligned", "--set", "blured=1"), "blurred"),
    ],
)
def test_wrong_usage_says_what_is_right(words, message, people, monkeypatch):
    monkeypatch.chdir(people.parent)
    (people.parent / "x").symlink_to(people)
    result = call(*words)
    assert result.exit_code in (1, 2)
    assert message in result.stderr


def test_crops_that_were_resized_are_a_note(people, drawn):
    assert not [note for note in look(people).notes if "resized" in note]
    write_image(people / "p0" / "large.png", cv2.resize(drawn.crops[0], (250, 250)))
    notes = [note for note in look(people).notes if "resized" in note]
    assert len(notes) == 1
    assert notes[0].startswith("1 crop is not 112x112 and was resized: 250x250 (1).")
