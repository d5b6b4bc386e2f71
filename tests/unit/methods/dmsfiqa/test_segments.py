"""Likeness to templates, and which segment and modality a face is of."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.errors import InputError, UnknownNameError
from fiqa.methods.dmsfiqa.segments import segments_of, template_similarity
from fiqa.types import Manifest

pytestmark = pytest.mark.numeric


def _loop(vectors, who, templates, clips, best):
    """Similarity and most similar template, one image and one template after the other."""
    similarity, nearest = [], []
    for i in range(len(vectors)):
        judges = [
            (-float(vectors[i] @ vectors[t]), t)
            for t in templates
            if who[t] == who[i] and (clips is None or clips[t] != clips[i])
        ]
        first = sorted(judges)[:best]
        similarity.append(np.mean([-cosine for cosine, _ in first]) if first else np.nan)
        nearest.append(first[0][1] if first else -1)
    return similarity, nearest


@pytest.mark.parametrize("best", [1, 2, 3, 9])
@pytest.mark.parametrize("with_clips", [True, False])
def test_similarity_is_the_loop(rng, best, with_clips):
    for n in (0, 1, 2, 5, 40):
        # Axes and small multiples: cosines that are equal are equal bit for bit.
        vectors = np.eye(4, dtype=np.float32)[rng.integers(0, 4, n)]
        vectors = np.where(rng.random((n, 1)) < 0.5, vectors, np.float32(0.5)).astype(np.float32)
        who, clips = rng.integers(0, 3, n), rng.integers(0, 4, n)
        templates = np.flatnonzero(rng.random(n) < 0.4)
        given = clips if with_clips else None
        found = template_similarity(vectors, who, templates, segments=given, best=best)
        similarity, nearest = _loop(vectors, who, templates.tolist(), given, best)
        np.testing.assert_allclose(found.similarity, similarity, atol=1e-6)
        assert found.template.tolist() == nearest


def test_a_segment_never_judges_itself():
    """Near-copies of the template gain nothing by being near-copies."""
    vectors = np.array([[1, 0], [1, 0], [0.6, 0.8], [0.8, 0.6]], np.float32)
    who, clips = np.zeros(4, np.int64), np.array([7, 7, 8, 8])
    found = template_similarity(vectors, who, np.array([0, 2]), segments=clips)
    np.testing.assert_allclose(found.similarity, [0.6, 0.6, 0.6, 0.8], atol=1e-6)
    assert found.template.tolist() == [2, 2, 0, 0]
    paper = template_similarity(vectors, who, np.array([0]))
    np.testing.assert_allclose(paper.similarity, [1, 1, 0.6, 0.8], atol=1e-6)
    alone = template_similarity(vectors, who, np.array([0]), segments=clips)
    assert np.isnan(alone.similarity).tolist() == [True, True, False, False]
    with pytest.raises(InputError, match="best must be in"):
        template_similarity(vectors, who, np.array([0]), best=0)


def _faces(**columns):
    names = np.array(["a", "b", "c"])
    return Manifest(names, names, columns={k: np.array(v) for k, v in columns.items()})


def test_a_column_tells_the_segments_and_another_the_modality():
    found = segments_of(_faces(track=["t2", "", "t1"], grey=[True, False, False]), "track")
    assert found.segment.tolist() == [1, -1, 0]
    assert found.names["modality"].to_list() == ["nir", "rgb", "rgb"]
    assert found.modality.tolist() == [0, 1, 1]
    both = segments_of(_faces(clip=[5, 5, 6], grey=[True] * 3, regime=["rgb", "", "nir"]), "clip")
    assert both.segment.tolist() == [0, 0, 1]
    assert both.modality.tolist() == [1, -1, 0], "regime goes before grey"
    assert segments_of(_faces(clip=[1, 2, 3]), "clip").modality.tolist() == [-1] * 3
    gaps = _faces(clip=[1.0, np.nan, 1.0], grey=np.array([True, None, False], object))
    assert segments_of(gaps, "clip").segment.tolist() == [0, -1, 0]
    assert segments_of(gaps, "clip").modality.tolist() == [0, -1, 1]


def test_a_column_that_is_not_there_names_the_closest():
    with pytest.raises(UnknownNameError, match=r"group_column 'trak'.*\n*.*did you mean 'track'"):
        segments_of(_faces(track=["a", "b", "c"]), "trak")
    lists = np.empty(3, object)
    lists[:] = [[1, 2]] * 3
    with pytest.raises(InputError, match="one segment in a cell"):
        segments_of(_faces(clip=lists), "clip")
