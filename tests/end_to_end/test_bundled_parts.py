"""The Python parts of the bundled models' recipe beside their labels: copies, sets for the test,
heads, and what a person looked at."""

from __future__ import annotations

import re

import cv2
import numpy as np
import pytest

import fiqa

pytestmark = pytest.mark.numeric


def test_kinds_left_out_are_in_no_copy_of_the_bundled_model(part, two_sets):
    copies = part("bundled_copies")
    assert [path.parent.name for path in copies.images(two_sets, part=2)] == ["Ada"] + 5 * ["Di"]
    kinds = set(copies.KINDS)
    names = []
    for tone in range(40):
        crop = np.random.default_rng(tone).integers(0, 256, (1, 112, 112, 3), np.uint8)
        made = dict(copies.copies(fiqa.Faces(crop), without=kinds - {"blur"}))
        assert np.array_equal(made["cabin"].crops, crop)
        names += [name for name in made if "-" in name]
    assert len(names) == 80
    assert all(name.startswith("blur-") for name in names)


def test_the_test_of_kinds_left_out_has_these_alone(part, two_sets, tmp_path):
    for number in range(20):
        crop = np.full((112, 112, 3), (40, 90, 180), np.uint8)
        cv2.imwrite(str(two_sets / f"lfw/aligned/Cy/Cy_{number:04}.jpg"), crop)
    (tmp_path / "out").mkdir()
    sets = part("bundled_peers").crops(two_sets, tmp_path / "out", kinds=("nir",))
    assert len(sets["clean"].read_text().splitlines()) == 20
    found = [cv2.imread(str(path)).astype(int) for path in sets["degraded"].glob("Cy/*.jpg")]
    gray = [np.ptp(crop, axis=-1).max() == 0 for crop in found]
    assert 5 < sum(gray) < 15
    assert all(
        np.abs(crop - (40, 90, 180)).max() < 5
        for crop, is_gray in zip(found, gray, strict=True)
        if not is_gray
    )


def exported_again(content: bytes) -> bytes:
    """The model with the names that its factors have when a training that began with it is
    exported, and without the outputs that such an export lacks."""
    import onnx

    model = onnx.load_from_string(content)
    for node in model.graph.node:
        for names in (node.input, node.output):
            names[:] = [re.sub(r"factors/(\d)", r"factors/factors.\1", name) for name in names]
        node.name = re.sub(r"factors/(\d)", r"factors/factors.\1", node.name)
    for kind in (model.graph.node, model.graph.output):
        for each in [e for e in kind if re.search("reasons|could", e.name)]:
            kind.remove(each)
    return bytes(model.SerializeToString())


def test_heads_in_a_file_say_what_they_said_and_leave_the_quality_alone(part, rng):
    pytest.importorskip("torch")
    from fiqa.methods.bundled import WEIGHTS
    from fiqa.runtime.embedded import without_card
    from fiqa.runtime.onnx import open_session

    reasons, data = part("reasons"), part("reasons_data")
    width, codes, factors = 512, len(reasons.REASONS), len(reasons.FACTORS)
    sides = {"hidden": (8, width), "hidden_bias": 8, "weight": (codes + factors, 8),
             "bias": codes + factors, "could": (3, width), "could_bias": 3}  # fmt: skip
    heads = {name: rng.normal(0, 0.1, side).astype(np.float32) for name, side in sides.items()}
    plain = without_card(WEIGHTS.read_bytes())
    made = reasons.with_heads(plain, heads)
    assert reasons.with_heads(made, heads) == made
    assert reasons.with_heads(exported_again(made), heads) == made
    crops = rng.integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    session, spec = data.network(WEIGHTS)
    features, quality = data.look(session, spec, crops)
    names = ["quality", "reasons", "factors", "could"]
    ready = {"crops": data.prepare(crops, spec)}
    found = dict(zip(names, open_session(made, "it").run(names, ready), strict=True))
    np.testing.assert_array_equal(found["quality"][:, 0], quality)
    own = reasons.Heads(*(heads[name] for name in ("hidden", "hidden_bias", "weight", "bias")))
    said = np.concatenate([found["reasons"], found["factors"]], axis=1)
    np.testing.assert_allclose(said, reasons.said(features, own), atol=1e-5)
    could = features @ heads["could"].T + heads["could_bias"]
    np.testing.assert_allclose(found["could"], could, rtol=1e-4, atol=1e-4)


def test_pictures_without_a_face_are_crops_and_differ(part, rng):
    none = part("no_faces")
    made = [draw(rng) for draw in (none.text, none.shapes) for _ in range(6)]
    photo = rng.integers(0, 256, (250, 250, 3), dtype=np.uint8)
    made += list(none.corners(photo, rng))
    assert {(crop.shape, crop.dtype) for crop in made} == {((112, 112, 3), np.dtype(np.uint8))}
    assert len({crop.tobytes() for crop in made}) == len(made)


def test_faces_that_a_person_looked_at_are_found_by_name(part):
    looked = part("looked_at")
    assert list(looked.names("Ann_Li 2 14\nBo_Q 3_77")) == [
        ("Ann_Li", "Ann_Li_0002"),
        ("Ann_Li", "Ann_Li_0014"),
        ("Bo_Q", "Bo_Q3_77"),
    ]
    lists = [list(looked.names(text)) for text in (looked.HEADWEAR, looked.BARE, looked.UNSURE)]
    every = [name for each in lists for name in each]
    assert [len(each) for each in lists] == [587, 612, 59]
    assert len(every) == len(set(every))
    assert all(image.startswith(person) for person, image in every)


def test_who_was_searched_and_is_not_listed_is_bareheaded(part, tmp_path):
    looked = part("looked_at")
    hat, bare, unsure = (
        next(looked.names(text)) for text in (looked.HEADWEAR, looked.BARE, looked.UNSURE)
    )
    for person, image in (hat, bare, unsure, ("Ann_Li", "Ann_Li_0001")):
        folder = tmp_path / "lfw/aligned" / person
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{image}.jpg").touch()
    (tmp_path / "pins/aligned/Bo").mkdir(parents=True)
    for number in range(5):
        (tmp_path / f"pins/aligned/Bo/Bo{number}_1.jpg").touch()
    names = sorted({hat[0], bare[0], unsure[0], "Ann_Li"})
    listed = "".join(f"{name}\t1\n" for name in names)
    (tmp_path / "lfw/peopleDevTrain.txt").write_text(f"{len(names)}\n{listed}")
    (tmp_path / "lfw/peopleDevTest.txt").write_text("0\n")
    said = {path.stem: value for path, value in looked.headwear(tmp_path).items()}
    assert said[hat[1]] == 1.0
    assert said[bare[1]] == said["Ann_Li_0001"] == said["Bo0_1"] == said["Bo4_1"] == 0.0
    assert np.isnan(said[unsure[1]])
    assert "Bo1_1" not in said
    assert {path.stem for path in looked.looked_at(tmp_path)} == {hat[1], bare[1]}
