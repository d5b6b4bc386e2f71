"""`evaluate` on LFW DevTest: the figures of the measuring data's README, from files, with the
published LightQNet graphs and FaceQnet's scores."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

import fiqa
from fiqa.data.store import sha256_file
from fiqa.methods.lightqnet import PUBLISHED
from fiqa.report.evaluation.folder import write_report
from fiqa.runtime.describe import Described, describe
from fiqa.types import Embeddings, Faces, Quality

A = Described(kind="recognizer", color="RGB", mean=".485,.456,.406", std=".229,.224,.225", texts={})


@pytest.fixture(scope="module")
def scored(devtest: Any, data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Embeddings of recognizer A and the qualities of all 3,708 images; fiqa gives what the plain
    runtimes give."""
    model = tmp_path_factory.mktemp("model") / "recognizer_a.onnx"
    model.write_bytes((data / "models" / "recognizer_a.onnx").read_bytes())
    describe(model, A)
    net = fiqa.load(data / "models" / "lightqnet-dm100.pb")
    some = slice(0, None, 60)
    norm = np.linalg.norm(devtest.vectors, axis=1)
    vectors = Embeddings(devtest.ids, devtest.vectors / norm[:, None], norm, "recognizer_a")
    own = fiqa.embed((devtest.ids[some], devtest.crops[some]), recognizer=model)
    np.testing.assert_allclose(own.vector, vectors.vector[some], atol=1e-4)
    np.testing.assert_allclose(own.norm, norm[some], rtol=1e-4)
    np.testing.assert_allclose(net.score(devtest.crops[some]), devtest.lightqnet[some], atol=1e-5)
    return {
        "vectors": vectors,
        "lightqnet": Quality(devtest.ids, devtest.lightqnet, net.name),
        "laplacian": Quality(devtest.ids, fiqa.load("laplacian").score(devtest.crops), "laplacian"),
    }


def areas(found: Any, method: str) -> tuple[float, float]:
    first, second = (found.curve(method).areas[limit, "start"] for limit in (0.3, 0.95))
    return first.value, second.value


@pytest.mark.slow
def test_the_figures_of_the_readme(scored: dict[str, Any], tmp_path: Path) -> None:
    vectors: Embeddings = scored["vectors"]
    found = fiqa.evaluate([scored["lightqnet"], scored["laplacian"], "norm"], vectors)
    assert (found.counts["mated"], found.counts["images"]) == (24_620, 3_708)
    assert found.counts["nonmated"] == 6_848_158
    assert areas(found, "lightqnet-dm100") == pytest.approx((0.235, 0.103), abs=0.006)
    assert areas(found, "norm of recognizer_a") == pytest.approx((0.443, 0.184), abs=0.005)
    assert areas(found, "laplacian") == pytest.approx((0.918, 0.893), abs=0.006)
    assert areas(found, "oracle") == pytest.approx((0.028, 0.009), abs=0.001)
    assert areas(found, "random")[0] == pytest.approx(1.0, abs=0.1)
    gap = found.curve("laplacian").difference
    assert gap is not None
    assert gap.low > 0.2
    write_report(found, tmp_path / "report")
    page = (tmp_path / "report" / "index.html").read_text()
    assert "24,620 mated" in page
    lead = page.split('<p class="lead">')[1].split("</p>")[0]
    assert lead.startswith("lightqnet-dm100 removes 9")
    assert "of 418 under recognizer_a" in lead
    assert "better than laplacian beyond chance" in lead


@pytest.mark.slow
def test_published_scores_of_faceqnet_join_and_say_what_they_lack(
    scored: dict[str, Any], data: Path
) -> None:
    file = data / "lfw" / "faceqnet_v1_scores.csv"
    found = fiqa.evaluate([f"faceqnet={file}", scored["lightqnet"]], scored["vectors"], draws=0)
    assert found.counts["images"] == 3_699
    assert any(note == "faceqnet has nothing for 9 of 3708 images." for note in found.notes)
    assert areas(found, "faceqnet") == pytest.approx((0.495, 0.194), abs=0.01)


@pytest.mark.parametrize("width", ["025", "050", "100"])
def test_the_published_graphs(data: Path, width: str) -> None:
    path = data / "models" / f"lightqnet-dm{width}.pb"
    assert PUBLISHED[sha256_file(path)] == f"dm{width}"
    files = sorted((data / "lfw" / "aligned").glob("*/*.jpg"))[::1700]
    crops = np.stack([cv2.imread(str(file))[..., ::-1] for file in files])
    net = fiqa.load(path)
    raw = net.score(crops)
    assert raw.shape == (8,)
    assert len(set(raw.tolist())) == 8
    np.testing.assert_allclose([net.score(crops[i : i + 1])[0] for i in range(8)], raw, atol=1e-5)
    np.testing.assert_array_equal(net.score(Faces(crops)), raw)
    assert net.score(crops[:0]).shape == (0,)
    noise = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), dtype=np.uint8)
    assert net.score(noise).max() < raw.min()
    assert 50 < np.median(net.unified(raw)) < 95
    assert net.explain(Faces(crops)) is None


@pytest.mark.slow
def test_a_cut_from_files(scored: dict[str, Any]) -> None:
    found = fiqa.threshold(scored["lightqnet"], scored["vectors"], fnmr=0.01)
    assert found.cut.fnmr.value <= 0.01 < found.cut.fnmr_start
    assert found.cut.coverage.value > 0.9
    assert found.cut.nonmated == 6_848_158
