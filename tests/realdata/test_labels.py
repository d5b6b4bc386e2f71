"""Labels of real faces: each kind says something of recognizability, and optimizing brings them
nearer to it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from fiqa.data.manifest import find
from fiqa.functional.agreement import spearman
from fiqa.labeling.run import label_rows
from fiqa.methods.label_optimization import mean_mated_similarity
from fiqa.runtime.describe import Described, describe
from fiqa.types import Embeddings, Manifest, Quality
from fiqa.verbs.embed import embed
from fiqa.verbs.label import label

pytestmark = pytest.mark.numeric

PEOPLE = (
    "Colin_Powell",
    "Tony_Blair",
    "Junichiro_Koizumi",
    "Jean_Chretien",
    "John_Ashcroft",
    "Jacques_Chirac",
)
EACH = 24


@pytest.fixture(scope="module")
def faces(data: Path) -> Manifest:
    """Some images of six people of LFW's development set."""
    found = [sorted((data / "lfw" / "aligned" / name).glob("*.jpg"))[:EACH] for name in PEOPLE]
    manifest = find([str(path) for images in found for path in images])
    return replace(manifest, identity=np.repeat(PEOPLE, [len(images) for images in found]))


@pytest.fixture(scope="module")
def both(
    data: Path, faces: Manifest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Embeddings, Embeddings]:
    """Their vectors under recognizers A and B."""
    result = []
    for name, mean, std in (("a", ".485,.456,.406", ".229,.224,.225"), ("b", ".5", ".5")):
        path = tmp_path_factory.mktemp("models") / f"recognizer_{name}.onnx"
        path.write_bytes((data / "models" / path.name).read_bytes())
        describe(
            path,
            Described(
                kind="recognizer", color="RGB", mean=mean, std=std, texts={"license": "see data"}
            ),
        )
        result.append(embed(faces, recognizer=path, threads=1))
    return result[0], result[1]


@pytest.mark.slow
def test_every_label_agrees_with_the_other_recognizer(faces, both):
    """Rank agreement of labels made with A and the mean mated similarity under B; what looks at the
    crop alone agrees less."""
    a, b = both
    easy = mean_mated_similarity(b.vector, faces.identity)
    prior = label("analytic", faces=faces, workers=1)
    found = {
        "cr_fiqa": label("cr_fiqa", faces=faces, embeddings=a),
        "sdd_fiqa": label("sdd_fiqa", faces=faces, embeddings=a),
        "faceqnet": label("faceqnet", faces=faces, embeddings=a, prior=prior),
        "clib_fiqa": label("clib_fiqa", faces=faces, embeddings=a, workers=1),
        "dmsfiqa": label("dmsfiqa", faces=faces, embeddings=a, workers=1),
        "norm": label("norm", faces=faces, embeddings=a),
    }
    rho = {name: spearman(one.at(faces.id), easy) for name, one in found.items()}
    wanted = {
        "cr_fiqa": 0.4,
        "sdd_fiqa": 0.4,
        "faceqnet": 0.25,
        "clib_fiqa": 0.4,
        "dmsfiqa": 0.05,
        "norm": 0.05,
    }
    assert all(rho[name] > least for name, least in wanted.items()), rho


@pytest.mark.slow
def test_optimizing_a_poor_prior_helps_under_another_recognizer(faces, both):
    a, b = both
    noise = Quality(faces.id, np.random.default_rng(0).normal(size=len(faces)), "noise")
    run = label_rows(
        "label_optimization", faces=faces, embeddings=a, prior=noise, options={"theta": 0.05}
    )
    assert run.about["mated_agreement_after"] > run.about["mated_agreement_before"] + 0.2
    easy = mean_mated_similarity(b.vector, faces.identity)
    assert spearman(run.quality.at(faces.id), easy) > spearman(noise.value, easy) + 0.1
    np.testing.assert_array_equal(np.sort(run.quality.value), np.sort(noise.value))
