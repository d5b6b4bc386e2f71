"""The classifiability of a batch: the label's own formula, over the centers of the moment."""

from __future__ import annotations

import numpy as np
import pytest

from fiqa.functional.identities import class_centers, encode
from fiqa.methods.cr_fiqa import relative_classifiability

torch = pytest.importorskip("torch")

from fiqa.methods.cr_fiqa import batch_classifiability  # noqa: E402

pytestmark = pytest.mark.numeric


def test_over_the_centers_of_the_data_it_is_the_label(clustered):
    vectors, who = clustered
    code, classes = encode(who, 60)
    cosine = torch.from_numpy(vectors @ class_centers(vectors, code, classes).T)
    got = batch_classifiability(cosine, torch.from_numpy(code))
    np.testing.assert_allclose(got, relative_classifiability(vectors, who), rtol=1e-4)


def test_by_hand_and_without_a_gradient():
    cosine = torch.tensor([[0.8, 0.6, -0.2], [-0.5, 0.1, -0.9]], requires_grad=True)
    got = batch_classifiability(cosine, torch.tensor([0, 1]))
    assert got.tolist() == pytest.approx([0.8 / 1.6, 0.1 / 0.5])
    assert not got.requires_grad
    assert batch_classifiability(torch.zeros(0, 3), torch.zeros(0, dtype=torch.int64)).shape == (0,)
