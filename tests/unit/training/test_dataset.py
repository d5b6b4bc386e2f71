"""Crops meet their labels by id, are decoded once, and are split as the recipe says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from fiqa.data.images import read_image
from fiqa.errors import EvidenceError, InputError, ReadError
from fiqa.training.config import resolve
from fiqa.training.dataset import examples, inputs_digest

pytestmark = pytest.mark.numeric


def test_labels_are_joined_by_id_and_crops_are_the_files(trainable, tmp_path):
    recipe = resolve(trainable())
    labels = pl.read_csv(tmp_path / "labels.csv").sample(fraction=1.0, shuffle=True, seed=1)
    labels.write_csv(tmp_path / "labels.csv")
    data = examples(recipe, tmp_path / "c")
    known = dict(labels.rows())
    assert len(data.ids) == 24
    for row, name in enumerate(data.ids.tolist()):
        assert data.label[row] == pytest.approx(known[name], abs=1e-6)
        assert np.array_equal(
            data.crops[row], read_image(tmp_path / "faces" / f"{name}.png").pixels
        )
    assert isinstance(data.crops, np.memmap)
    assert len(set(data.identity.tolist())) == 4
    assert (data.unlabelled, data.failed) == (0, 0)


def test_levels_and_groups_follow_the_cuts(trainable, tmp_path):
    recipe = trainable(loss__level_cuts=[0.3, 0.5, 0.7, 0.8])
    data = examples(resolve(recipe), tmp_path / "c")
    assert data.level.tolist() == [
        sum(value >= cut for cut in (0.3, 0.5, 0.7, 0.8)) for value in data.label.tolist()
    ]
    assert np.array_equal(data.group == -1, (data.level == 0) | (data.level == 4))
    for i in range(24):
        for j in range(24):
            alike = data.identity[i] == data.identity[j] and data.level[i] == data.level[j]
            assert data.group[i] == -1 or (data.group[i] == data.group[j]) == alike


def test_crops_are_decoded_once_and_again_when_a_file_changes(trainable, tmp_path):
    recipe = resolve(trainable())
    examples(recipe, tmp_path / "c")
    files = sorted((tmp_path / "c").glob("*.npy"))
    stamp = files[0].stat().st_mtime_ns
    examples(recipe, tmp_path / "c")
    assert files[0].stat().st_mtime_ns == stamp
    before = inputs_digest(recipe)
    image = tmp_path / "faces" / "p0" / "0.png"
    image.write_bytes((tmp_path / "faces" / "p1" / "0.png").read_bytes())
    assert inputs_digest(recipe)["images"] != before["images"]
    assert np.array_equal(examples(recipe, tmp_path / "c").crops[0], read_image(image).pixels)
    assert len(list((tmp_path / "c").glob("*.npy"))) == 2


def test_other_sizes_are_resized_and_what_cannot_be_read_is_counted(trainable, tmp_path, caplog):
    import cv2

    content = trainable()
    faces = tmp_path / "faces"
    cv2.imwrite(str(faces / "p0" / "0.png"), np.full((64, 64, 3), 200, np.uint8))
    cv2.imwrite(str(faces / "p0" / "1.png"), np.full((16, 16, 3), 100, np.uint8))
    cv2.imwrite(str(faces / "p0" / "2.png"), np.zeros((32, 40, 3), np.uint8))
    cv2.imwrite(str(faces / "p0" / "3.png"), np.zeros((8, 8, 3), np.uint8))
    (faces / "p0" / "4.png").write_bytes(b"no image")
    (faces / "p0" / "nobody.png").write_bytes((faces / "p1" / "0.png").read_bytes())
    for turn in range(2):
        data = examples(resolve(content), tmp_path / "c")
        assert (len(data.ids), data.failed, data.unlabelled) == (21, 3, 1), f"turn {turn}"
        assert (data.crops[0] == 200).all()
        assert (data.crops[1] == 100).all()
    assert "3 of 24 crops could not be read" in caplog.text
    told = [r.getMessage() for r in caplog.records if "were resized" in r.getMessage()]
    assert [line.partition(". ")[0] for line in told] == [
        f"2 crops are not {size}x{size} and were resized: 64x64 (1), 16x16 (1)"
        for size in [data.crops.shape[1]] * 2
    ]


def test_whole_people_are_held_out(trainable, tmp_path):
    data = examples(resolve(trainable()), tmp_path / "c")
    assert set(data.identity[data.validation]).isdisjoint(data.identity[data.training])
    assert sorted([*data.training, *data.validation]) == list(range(24))
    assert len(data.validation) == 6
    held = {
        tuple(examples(resolve(trainable() | {"seed": seed}), tmp_path / "c").validation.tolist())
        for seed in range(6)
    }
    assert len(held) > 1, "the seed decides who"


def test_regular_strides_of_the_sorted_list(trainable, tmp_path):
    data = examples(resolve(trainable(data__split="stride", data__validation=0.25)), tmp_path / "c")
    order = np.argsort(data.label, kind="stable")
    assert data.validation.tolist() == sorted(order[2::4].tolist())


def test_the_split_of_the_manifest(trainable, tmp_path):
    content = trainable(data__split="column")
    ids = pl.read_csv(tmp_path / "labels.csv")["id"].to_list()
    rows = {
        "id": ids,
        "path": [f"faces/{name}.png" for name in ids],
        "split": ["val" if "/5" in n else "train" for n in ids],
    }
    pl.DataFrame(rows).write_csv(tmp_path / "manifest.csv")
    content["data"]["faces"] = str(tmp_path / "manifest.csv")
    data = examples(resolve(content), tmp_path / "c")
    assert data.ids[data.validation].tolist() == ["p0/5", "p1/5", "p2/5", "p3/5"]
    content["data"]["faces"] = str(tmp_path / "faces")
    with pytest.raises(
        EvidenceError,
        match="at least 2 images must be left to train on and 2 to validate with, got 24 and 0",
    ):
        examples(resolve(content), tmp_path / "c")


def test_factors_are_joined_by_id_and_may_be_missing(trainable, tmp_path):
    content = trainable(
        model__factors=["pose", "blur"],
        loss__factors=1.0,
        data__factors=str(tmp_path / "factors.parquet"),
    )
    table = pl.read_parquet(tmp_path / "factors.parquet")
    table.filter(pl.col("id") != "p0/0").write_parquet(tmp_path / "factors.parquet")
    data = examples(resolve(content), tmp_path / "c")
    assert data.factors.shape == (24, 2)
    assert np.isnan(data.factors[:, 0]).all()
    assert np.isnan(data.factors[0, 1])
    np.testing.assert_allclose(data.factors[1:, 1], data.label[1:], atol=1e-6)
    table.drop("factors").write_parquet(tmp_path / "factors.parquet")
    with pytest.raises(InputError, match="must have the columns id and factors, it has id"):
        examples(resolve(content), tmp_path / "c")
    table.with_columns(id=pl.lit("x") + pl.col("id")).write_parquet(tmp_path / "factors.parquet")
    with pytest.raises(
        InputError, match="must hold a factor of at least one image, it holds none of pose, blur"
    ):
        examples(resolve(content), tmp_path / "c")


def test_labels_of_other_images_are_an_error(trainable, tmp_path):
    content = trainable()
    Path(content["data"]["labels"]).write_text("id,value\nelse/1,0.5\n")
    with pytest.raises(
        InputError, match=r"none of 1 does: .* has 'else/1'; the images are 'p0/0', 'p0/1'"
    ):
        examples(resolve(content), tmp_path / "c")
    content["data"]["labels"] = str(tmp_path / "none.csv")
    with pytest.raises(ReadError, match="labels of the recipe must be a file"):
        inputs_digest(resolve(content))


def test_labels_are_rescaled_where_the_recipe_says_so(trainable, tmp_path):
    plain = examples(resolve(trainable()), tmp_path / "c").label
    scaled = examples(resolve(trainable(data__rescale=True)), tmp_path / "c").label
    np.testing.assert_allclose(
        scaled, (plain - plain.min()) / (plain.max() - plain.min()), atol=1e-6
    )
    content = trainable(data__rescale=True)
    pl.read_csv(tmp_path / "labels.csv").with_columns(value=0.5).write_csv(tmp_path / "labels.csv")
    with pytest.raises(EvidenceError, match=r"labels must differ to be rescaled, all 24 are 0\.5"):
        examples(resolve(content), tmp_path / "c")


@pytest.mark.parametrize("words", [True, False], ids=["words", "numbers"])
def test_level_and_similarity_of_the_labels_file_are_used(trainable, tmp_path, words):
    """With jitter and other intervals the cuts give other levels, and labels another order."""
    from fiqa.methods.dmsfiqa import coarse_levels, fine_labels
    from fiqa.training.batches import make_batch
    from fiqa.vocabulary import LEVELS

    recipe = trainable(people=4, images=6)
    rng = np.random.default_rng(5)
    labels = pl.read_csv(tmp_path / "labels.csv")
    levels = coarse_levels(rng.random(24), [0.2, 0.4, 0.6, 0.8])
    similarity = rng.random(24)
    intervals = np.stack([np.linspace(0, 0.5, 11), np.linspace(0.3, 0.9, 11)], axis=1)
    who = labels["id"].str.extract("^(p.)").to_numpy()
    value = fine_labels(
        levels, similarity, who, within="uniform", epsilon=0.05, intervals=intervals, seed=1
    )
    stated = pl.Series([LEVELS[level] for level in levels]) if words else pl.Series(levels)
    frame = labels.with_columns(
        value=pl.Series(value), level=stated, similarity=pl.Series(similarity)
    )
    frame.sample(fraction=1.0, shuffle=True, seed=2).write_csv(tmp_path / "labels.csv")
    data = examples(resolve(recipe), tmp_path / "c")
    place = [labels["id"].to_list().index(name) for name in data.ids.tolist()]
    assert data.columns == ("level", "similarity")
    assert data.level.tolist() == levels[place].tolist()
    np.testing.assert_allclose(data.order, similarity[place], rtol=1e-6)
    from_cuts = [sum(v >= cut for cut in (0.2, 0.43333, 0.66667, 0.9)) for v in data.label.tolist()]
    assert np.mean(np.array(from_cuts) != data.level) > 0.1, "the cuts would have been wrong"
    batch = make_batch(data, resolve(recipe), 0, data.training[:6])
    np.testing.assert_array_equal(batch.order, data.order[data.training[:6]])


def test_a_level_or_similarity_that_cannot_be_is_refused(trainable, tmp_path):
    recipe = resolve(trainable())
    labels = pl.read_csv(tmp_path / "labels.csv")
    labels.with_columns(level=pl.lit("fine")).write_csv(tmp_path / "labels.csv")
    with pytest.raises(InputError, match=r"level in .* must be one of unusable"):
        examples(recipe, tmp_path / "c")
    labels.with_columns(similarity=pl.lit(None, pl.Float64)).write_csv(tmp_path / "labels.csv")
    with pytest.raises(InputError, match=r"similarity in .* must be a number for every label"):
        examples(recipe, tmp_path / "c")
