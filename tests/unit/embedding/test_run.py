"""embed: every source, every failure as a row, reruns that do only what is missing."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.embeddings import read_embeddings
from fiqa.data.images import Limits, write_image
from fiqa.data.manifest import find
from fiqa.data.store import read_sidecar
from fiqa.data.tables import read_table
from fiqa.embedding import run as module
from fiqa.embedding.run import embed_rows, failures_path
from fiqa.errors import InputError, ShapeError, UnknownNameError, WeightsError
from fiqa.runtime.cards import card_path, read_card, write_card
from fiqa.runtime.onnx import OnnxEmbedder
from fiqa.verbs.embed import embed

pytestmark = pytest.mark.numeric

Maker = Callable[..., Path]


class Means:
    """A recognizer: the mean of each channel less 60, so that a face of grey 60 has a zero vector,
    and NaN for white."""

    name = "means"
    version = "1"

    def __init__(self) -> None:
        self.calls: list[int] = []

    def embed(self, crops: np.ndarray) -> np.ndarray:
        self.calls.append(len(crops))
        means = crops.reshape(len(crops), crops.shape[1] ** 2, 3).mean(axis=1) - 60.0
        means[(crops == 255).all(axis=(1, 2, 3))] = np.nan
        return means.astype(np.float32)


class Corner:
    """A recognizer that a mirror image changes: the top left pixel."""

    name = "corner"

    def embed(self, crops: np.ndarray) -> np.ndarray:
        return crops[:, 0, 0, :].astype(np.float32)


@pytest.fixture
def crops(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(100, 250, (7, 112, 112, 3), np.uint8)


@pytest.fixture
def folder(tmp_path: Path, crops: np.ndarray) -> Path:
    """Seven crops of two people, and five that must fail."""
    for i, crop in enumerate(crops):
        write_image(tmp_path / "crops" / f"p{i // 4}" / f"{i}.png", crop)
    bad = tmp_path / "crops" / "q"
    write_image(bad / "grey.png", np.full((112, 112, 3), 60, np.uint8))
    write_image(bad / "white.png", np.full((112, 112, 3), 255, np.uint8))
    write_image(bad / "wide.png", np.zeros((112, 90, 3), np.uint8))
    write_image(bad / "tiny.png", np.zeros((8, 8, 3), np.uint8))
    (bad / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n broken")
    return tmp_path / "crops"


def test_vectors_are_normalized_and_keep_their_length(crops: np.ndarray) -> None:
    ids = [f"i{i}" for i in range(7)]
    found = embed((ids, crops), recognizer=Means())
    raw = crops.reshape(7, -1, 3).mean(axis=1) - 60
    np.testing.assert_allclose(found.norm, np.linalg.norm(raw, axis=1), rtol=1e-6)
    np.testing.assert_allclose(
        found.vector, raw / np.linalg.norm(raw, axis=1, keepdims=True), rtol=1e-5
    )
    assert found.id.tolist() == ids
    assert found.recognizer == "means"


def test_failures_are_rows_with_a_status(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    run = embed_rows(folder, recognizer=Means())
    status = dict(zip(run.manifest.id.tolist(), run.manifest.status.tolist(), strict=True))
    assert {name.removeprefix("q/"): word for name, word in status.items() if word != "ok"} == {
        "grey": "invalid_embedding",
        "white": "invalid_embedding",
        "wide": "wrong_size",
        "tiny": "wrong_size",
        "broken": status["q/broken"],
    }
    assert status["q/broken"] in ("corrupt", "truncated")
    assert (len(run.embeddings), run.failed) == (7, 5)
    assert run.embeddings.id.tolist() == [name for name, word in status.items() if word == "ok"]
    with caplog.at_level(logging.WARNING):
        embed(folder, recognizer=Means())
    assert "5 of 12 crops have no vector" in caplog.text


def test_rows_do_not_slip_when_their_neighbors_fail(folder: Path) -> None:
    every = embed(folder, recognizer=Means(), batch=3)
    for name in ("p0/0", "p1/6"):
        alone = embed(folder / f"{name}.png", recognizer=Means())
        np.testing.assert_allclose(
            every.vector[every.id.tolist().index(name)], alone.vector[0], atol=1e-6
        )


@pytest.mark.parametrize("batch", [1, 2, 7, 64])
def test_batch_is_what_the_recognizer_sees_and_changes_nothing(
    crops: np.ndarray, batch: int
) -> None:
    means = Means()
    found = embed((np.arange(7).astype(str), crops), recognizer=means, batch=batch)
    assert max(means.calls) == min(batch, 7)
    np.testing.assert_array_equal(
        found.vector, embed((np.arange(7).astype(str), crops), recognizer=Means()).vector
    )


def test_flip_is_the_mean_with_the_mirror_image(crops: np.ndarray) -> None:
    ids = np.arange(7).astype(str)
    flipped = embed((ids, crops), recognizer=Corner(), flip=True)
    raw = (crops[:, 0, 0].astype(np.float32) + crops[:, 0, -1]) / 2
    np.testing.assert_allclose(flipped.vector * flipped.norm[:, None], raw, rtol=1e-5)
    assert not np.allclose(flipped.vector, embed((ids, crops), recognizer=Corner()).vector)


@pytest.mark.parametrize("n", [0, 1, 2])
def test_few_rows(crops: np.ndarray, n: int, tmp_path: Path) -> None:
    found = embed((np.arange(n).astype(str), crops[:n]), recognizer=Means(), out=tmp_path / "e.npz")
    assert found.vector.shape == (n, 3)
    assert read_embeddings(tmp_path / "e.npz").vector.shape == (n, 3)


def test_all_rows_fail(folder: Path, tmp_path: Path) -> None:
    run = embed_rows(folder / "q", recognizer=Means(), out=tmp_path / "e.npz")
    assert (len(run.embeddings), run.failed) == (0, 5)


def test_a_file_a_manifest_and_a_list_are_the_same(
    folder: Path, tmp_path: Path, tiny_recognizer: Maker
) -> None:
    path = tiny_recognizer()
    whole = embed(folder, recognizer=path)
    np.testing.assert_array_equal(embed(find(folder), recognizer=str(path)).vector, whole.vector)
    listed = tmp_path / "list.txt"
    listed.write_text("".join(f"{p}\n" for p in find(folder).path))
    np.testing.assert_array_equal(embed(listed, recognizer=OnnxEmbedder(path)).vector, whole.vector)
    assert whole.recognizer == "tiny"


def test_crops_of_another_size_are_resized(tmp_path: Path) -> None:
    write_image(tmp_path / "big.png", np.full((224, 224, 3), 90, np.uint8))
    write_image(tmp_path / "small.png", np.full((30, 30, 3), 90, np.uint8))
    found = embed([tmp_path / "big.png", tmp_path / "small.png"], recognizer=Means())
    np.testing.assert_allclose(found.norm, np.sqrt(3) * 30, rtol=1e-5)
    array = embed((["x"], np.full((1, 112, 112, 3), 90, np.uint8)), recognizer=Means())
    np.testing.assert_allclose(array.norm, found.norm[:1])
    with pytest.raises(ShapeError, match="aligned faces of 112 x 112 pixels, got 224 x 224"):
        embed((["x"], np.full((1, 224, 224, 3), 90, np.uint8)), recognizer=Means())


def test_color_says_the_order_of_an_array(crops: np.ndarray, folder: Path, tmp_path: Path) -> None:
    ids, out = np.arange(7).astype(str), tmp_path / "e.npz"
    wanted = embed((ids, crops), recognizer=Corner())
    turned = embed((ids, crops[..., ::-1]), recognizer=Corner(), color="BGR", out=out)
    np.testing.assert_array_equal(turned.vector, wanted.vector)
    assert not np.allclose(
        embed((ids, crops), recognizer=Corner(), color="BGR").vector, wanted.vector
    )
    assert embed_rows((ids, crops), recognizer=Corner(), out=out).current, "the same pixels"
    assert not embed_rows((ids, crops), recognizer=Corner(), out=out, color="BGR").current
    with pytest.raises(UnknownNameError, match="color"):
        embed((ids, crops), recognizer=Corner(), color="GBR")
    with pytest.raises(InputError, match="color is for arrays; files say theirs, got color='BGR'"):
        embed(folder, recognizer=Corner(), color="BGR")


def test_crops_that_a_decoder_breaks_on_are_one_warning(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(path: str, *_: object, **__: object) -> None:
        raise RuntimeError("native trouble")

    monkeypatch.setattr("fiqa.faces.crops.read_row", broken)
    run = embed_rows(folder, recognizer=Means())
    assert set(run.manifest.status.tolist()) == {"failed"}
    (told,) = [record.getMessage() for record in caplog.records]
    assert told.startswith("12 failed with RuntimeError: native trouble; the first is ")


def test_out_writes_vectors_failures_and_a_sidecar_last(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.npz"
    run = embed_rows(folder, recognizer=Means(), out=out)
    back = read_embeddings(out)
    np.testing.assert_array_equal(back.vector, run.embeddings.vector)
    np.testing.assert_array_equal(back.norm, run.embeddings.norm)
    failed = read_table(failures_path(out))
    assert failed["id"].to_list() == run.manifest.id[run.manifest.status != "ok"].tolist()
    assert set(failed.columns) == {"id", "path", "status"}
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "crops",
        "e.npz",
        "e.npz.failed.csv",
        "e.npz.json",
    ]


def test_sizes_and_repetition_are_warned_of_once_and_kept_in_the_sidecar(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART", 2)
    for i, size in enumerate((250, 112, 250, 96, 250)):
        write_image(tmp_path / "in" / f"{i}.png", np.full((size, size, 3), 90 + i, np.uint8))

    class Dies(Means):
        def embed(self, crops: np.ndarray) -> np.ndarray:
            if len(self.calls) == 2:
                raise KeyboardInterrupt
            return super().embed(crops)

    out = tmp_path / "e.npz"
    given = [tmp_path / "in", tmp_path / "in" / "1.png"]
    with pytest.raises(KeyboardInterrupt):
        embed_rows(given, recognizer=Dies(), out=out)
    caplog.clear()
    embed(given, recognizer=Means(), out=out)
    said = [record.message for record in caplog.records]
    assert said[0].startswith("1 image is listed more than once, 1 further row in all")
    assert said[1].startswith("4 crops are not 112x112 and were resized: 250x250 (3), 96x96 (1).")
    assert len(said) == 2
    sidecar = read_sidecar(out)
    assert sidecar is not None
    assert sidecar["notes"] == [said[1], said[0]]
    caplog.clear()
    embed(given, recognizer=Means())
    assert [record.message for record in caplog.records] == said


def test_no_image_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    with pytest.raises(InputError, match="at least one image, got none"):
        embed(tmp_path / "in", recognizer=Means(), out=tmp_path / "e.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_a_rerun_does_nothing_and_tells_the_same(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.npz"
    first = embed_rows(folder, recognizer=Means(), out=out)
    idle = Means()
    again = embed_rows(folder, recognizer=idle, out=out)
    assert again.current
    assert not idle.calls
    assert again.manifest.status.tolist() == first.manifest.status.tolist()
    np.testing.assert_array_equal(again.embeddings.vector, first.embeddings.vector)
    forced = Means()
    assert not embed_rows(folder, recognizer=forced, out=out, force=True).current
    assert forced.calls


def test_whatever_changes_the_vectors_makes_a_rerun_work(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "e.npz"
    embed_rows(folder, recognizer=Means(), out=out)
    newer = Means()
    newer.version = "2"
    assert not embed_rows(folder, recognizer=newer, out=out).current
    assert not embed_rows(folder, recognizer=newer, out=out, flip=True).current
    assert not embed_rows(folder, recognizer=newer, out=out, flip=True, half=True).current
    tight = embed_rows(
        folder, recognizer=newer, out=out, flip=True, half=True, limits=Limits(max_pixels=100)
    )
    assert not tight.current
    assert len(tight.embeddings) == 0
    write_image(folder / "p0" / "0.png", np.full((112, 112, 3), 80, np.uint8))
    assert not embed_rows(folder, recognizer=newer, out=out, flip=True, half=True).current
    for name in ("grey", "white", "wide", "tiny", "broken"):
        (folder / "q" / f"{name}.png").unlink()
    assert embed_rows(folder, recognizer=newer, out=out).failed == 0
    assert not failures_path(out).exists()


def test_pixels_in_memory_are_part_of_the_fingerprint(crops: np.ndarray, tmp_path: Path) -> None:
    ids = np.arange(7).astype(str)
    embed_rows((ids, crops), recognizer=Means(), out=tmp_path / "e.npz")
    assert embed_rows((ids, crops), recognizer=Means(), out=tmp_path / "e.npz").current
    assert not embed_rows((ids, crops[::-1]), recognizer=Means(), out=tmp_path / "e.npz").current


def test_an_interrupted_run_goes_on_and_ends_the_same(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_PART", 5)
    embed_rows(folder, recognizer=Means(), out=tmp_path / "whole.npz")

    class Dies(Means):
        def embed(self, crops: np.ndarray) -> np.ndarray:
            if sum(self.calls) + len(crops) > 5:
                raise KeyboardInterrupt
            return super().embed(crops)

    out = tmp_path / "e.npz"
    with pytest.raises(KeyboardInterrupt):
        embed_rows(folder, recognizer=Dies(), out=out)
    assert not out.exists()
    rest = Means()
    seen: list[tuple[str, int, int]] = []
    run = embed_rows(folder, recognizer=rest, out=out, progress=lambda *at: seen.append(at))
    assert seen == [("embed", done, 12) for done in range(6, 13)]
    assert sum(rest.calls) == 4  # two crops and the two that have no valid vector
    assert (len(run.embeddings), run.failed) == (7, 5)
    assert out.read_bytes() == (tmp_path / "whole.npz").read_bytes()
    assert not (tmp_path / "e.npz.parts").exists()


def test_half_is_stored(crops: np.ndarray, tmp_path: Path) -> None:
    embed_rows(
        (np.arange(7).astype(str), crops), recognizer=Means(), out=tmp_path / "e.npz", half=True
    )
    with np.load(tmp_path / "e.npz") as members:
        assert members["vector"].dtype == np.float16


def test_bad_arguments(crops: np.ndarray, tmp_path: Path) -> None:
    ids = np.arange(7).astype(str)
    with pytest.raises(InputError, match="batch must be in"):
        embed((ids, crops), recognizer=Means(), batch=0)
    with pytest.raises(InputError, match="ids must be unique"):
        embed((["a"] * 7, crops), recognizer=Means())
    with pytest.raises(ShapeError, match=r"ids must have shape \(7,\), got \(3,\)"):
        embed((ids[:3], crops), recognizer=Means())
    with pytest.raises(ShapeError, match="crops must be uint8"):
        embed((ids, crops / 255), recognizer=Means())
    with pytest.raises(WeightsError, match="looked for"):
        embed((ids, crops), recognizer="nobody")


def test_a_recognizer_that_loses_a_row_is_an_error(crops: np.ndarray) -> None:
    class Short(Means):
        def embed(self, crops: np.ndarray) -> np.ndarray:
            return super().embed(crops)[:1]

    with pytest.raises(ShapeError, match=r"embed\(crops\) must have shape \(7, D\), got \(1, 3\)"):
        embed((np.arange(7).astype(str), crops), recognizer=Short())


def test_threads_reach_the_recognizer(
    folder: Path, tiny_recognizer: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int | None] = []

    def spy(path: Path, *, threads: int | None) -> OnnxEmbedder:
        asked.append(threads)
        return OnnxEmbedder(path, threads=1)

    monkeypatch.setattr("fiqa.runtime.onnx.OnnxEmbedder", spy)
    embed(folder / "p0", recognizer=tiny_recognizer(), threads=3)
    embed(folder / "p0", recognizer=tiny_recognizer())
    assert asked == [3, None]


def test_a_recognizer_whose_vectors_hang_on_the_batch_is_warned_of_once(
    folder: Path, tmp_path: Path, tiny_recognizer: Maker, caplog: pytest.LogCaptureFixture
) -> None:
    import onnx
    from onnx import helper

    sound = tiny_recognizer("sound")
    hanging = tiny_recognizer("hanging")
    model = onnx.load(hanging)
    model.graph.node[-1].output[0] = "whole"
    model.graph.node.extend(
        [
            helper.make_node("ReduceMean", ["whole"], ["middle"], axes=[0], keepdims=1),
            helper.make_node("Sub", ["whole", "middle"], ["e"]),
        ]
    )
    onnx.save(model, hanging)
    card = read_card(card_path(hanging))
    digest = hashlib.sha256(hanging.read_bytes()).hexdigest()
    write_card(card.model_copy(update={"sha256": digest}), card_path(hanging))
    out = tmp_path / "emb.npz"
    for kept in (None, out):
        caplog.clear()
        embed(folder, recognizer=hanging, out=kept)
        (told,) = [r.getMessage() for r in caplog.records if "batch" in r.getMessage()]
        assert "must be the same for a crop in any batch" in told
        assert "The vectors of this run depend on how the images are batched." in told
    caplog.clear()
    embed(folder, recognizer=hanging, out=out)
    embed(folder, recognizer=sound)
    assert "batch" not in caplog.text
