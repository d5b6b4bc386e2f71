"""The field's own files: LFW's protocols, a peer's scores, and a .bin made of real faces."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from fiqa.data.formats import insightface_bin, lfw_pairs, recordio
from fiqa.data.images import read_image
from fiqa.data.manifest import find, read_manifest
from fiqa.data.pairs import join_pairs, mated_pairs, read_folds, read_pairs
from fiqa.data.quality import join_quality, read_quality
from fiqa.types import Pairs
from fiqa.verbs.convert import convert


def test_lfw_protocols(data: Path) -> None:
    found = read_folds(data / "lfw" / "pairs.txt")
    assert (len(found.pairs), int(found.pairs.mated.sum()), found.skipped) == (6000, 3000, 0)
    assert found.fold is not None
    assert np.bincount(found.fold).tolist() == [600] * 10
    assert [int(found.pairs.mated[found.fold == k].sum()) for k in range(10)] == [300] * 10
    assert len(found.pairs.ids) == 7701
    assert len(read_pairs(data / "lfw" / "pairsDevTest.txt")) == 1000
    assert len(read_pairs(data / "lfw" / "pairsDevTrain.txt")) == 2200


def test_lfw_pairs_are_of_the_people_they_say(data: Path) -> None:
    """mated in the list and the same name in the file name are the same thing; every image is among
    the aligned ones."""
    images = find(data / "lfw" / "aligned")
    assert len(images) == 13_233
    pairs, kept = join_pairs(read_pairs(data / "lfw" / "pairs.txt"), images.id)
    assert kept.all()
    people = images.identity[pairs.index]
    np.testing.assert_array_equal(people[:, 0] == people[:, 1], pairs.mated)


def test_all_mated_pairs_of_the_test_people(data: Path) -> None:
    """24,620 mated comparisons among the 1,711 people of the test list, as the data's README
    says."""
    lines = (data / "lfw" / "peopleDevTest.txt").read_text().splitlines()[1:]
    people = {line.split("\t")[0] for line in lines if line.strip()}
    images = find(data / "lfw" / "aligned")
    identity = np.where(np.isin(images.identity, list(people)), images.identity, "")
    found = mated_pairs(identity)
    assert len(found.index) == 24_620
    assert found.single > 1000


def test_published_scores_join_the_aligned_faces(data: Path) -> None:
    quality = read_quality(data / "lfw" / "faceqnet_v1_scores.csv", method="faceqnet_v1")
    assert len(quality) == 13_198
    joined = join_quality(quality, find(data / "lfw" / "aligned").id)
    assert (len(joined.quality), joined.unmatched, joined.missing) == (13_198, 0, 35)
    assert joined.quality.value.std() > 0.01


def test_bin_of_real_faces_and_back(data: Path, tmp_path: Path) -> None:
    folded = lfw_pairs.read(data / "lfw" / "pairs.txt")
    rows = np.r_[0:40, 300:340]
    names = np.unique(folded.pairs.ids[folded.pairs.index[rows]])
    pairs, _ = join_pairs(
        Pairs(folded.pairs.ids, folded.pairs.index[rows], folded.pairs.mated[rows]), names
    )
    images = {str(name): (data / "lfw" / "aligned" / str(name)).read_bytes() for name in names}
    insightface_bin.write(tmp_path / "lfw.bin", images, pairs)
    done = convert(tmp_path / "lfw.bin", tmp_path / "out")
    assert (done.rows, done.failed, done.skipped) == (len(names), 0, 160 - len(names))
    manifest = read_manifest(tmp_path / "out" / "manifest.csv")
    assert set(manifest.status) == {"ok"}
    back = read_pairs(tmp_path / "out" / "pairs.csv")
    np.testing.assert_array_equal(back.mated, pairs.mated)
    content = {
        str(i): Path(p).read_bytes() for i, p in zip(manifest.id, manifest.path, strict=True)
    }
    first, second = back.ids[back.index].T
    for row, (a, b) in enumerate(zip(first, second, strict=True)):
        assert content[a] == images[pairs.ids[pairs.index[row, 0]]]
        assert content[b] == images[pairs.ids[pairs.index[row, 1]]]
    assert read_image(manifest.path[0]).pixels.shape == (112, 112, 3)


def test_rec_of_real_faces_and_back(data: Path, tmp_path: Path) -> None:
    images = find(data / "lfw" / "aligned").take(np.arange(60))
    numbers = np.unique(images.identity, return_inverse=True)[1]
    content = [Path(path).read_bytes() for path in images.path]
    recordio.write(tmp_path / "train.rec", zip(numbers.tolist(), content, strict=True))
    with recordio.RecordFile(tmp_path / "train.rec") as file:
        assert [(int(r.label[0]), r.content) for r in file] == list(
            zip(numbers.tolist(), content, strict=True)
        )
    done = convert(tmp_path / "train.rec", tmp_path / "out")
    assert (done.rows, done.failed) == (60, 0)
    assert len(set(read_manifest(tmp_path / "out" / "manifest.csv").identity)) == len(
        set(numbers.tolist())
    )
