"""Folds of people: nobody in two, as even as they can be, and the seed matters."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fiqa.errors import EvidenceError, InputError
from fiqa.functional.folds import folds_of


@given(st.lists(st.integers(0, 12), min_size=3, max_size=80), st.integers(2, 5))
def test_a_person_is_in_one_fold_and_no_fold_is_much_larger(people, count):
    if len(set(people)) < count:
        with pytest.raises(EvidenceError, match=f"{count} folds need at least {count} people"):
            folds_of(people, count)
        return
    fold = folds_of(people, count)
    assert set(fold.tolist()) == set(range(count))
    for person in set(people):
        assert len({f for f, who in zip(fold.tolist(), people, strict=True) if who == person}) == 1
    # given to the smallest fold each time, two folds differ by one person's images at most
    sizes = np.bincount(fold)
    assert sizes.max() - sizes.min() <= max(np.bincount(people))


def test_the_seed_decides_who_is_where():
    people = np.repeat(np.arange(40), 3)
    assert np.array_equal(folds_of(people, 4, seed=1), folds_of(people, 4, seed=1))
    assert not np.array_equal(folds_of(people, 4, seed=1), folds_of(people, 4, seed=2))
    with pytest.raises(InputError, match="count must be in"):
        folds_of(people, 1)
