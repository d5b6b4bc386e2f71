"""Class centers without the image itself: against slow loops written apart."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fiqa.errors import InputError, ShapeError
from fiqa.functional.identities import own_similarity
from fiqa.labeling.run import label_rows
from fiqa.methods.clib_fiqa import quality_anchors
from fiqa.methods.cr_fiqa import relative_classifiability
from fiqa.methods.ediffiqa import lowered_quality
from fiqa.types import Embeddings, Quality

pytestmark = pytest.mark.numeric

WHO = np.repeat(["a", "b", "c", "d"], [4, 3, 1, 2])


@pytest.fixture
def vectors(rng):
    centers = {name: rng.normal(size=6) for name in "abcd"}
    return np.stack([centers[name] + 0.4 * rng.normal(size=6) for name in WHO])


def unit(v):
    return v / np.linalg.norm(v)


def slow_ratio(vectors, who, leave_out, least):
    """CR-FIQA's ratio image by image; None without a center."""
    units = [unit(v) for v in vectors]
    result = []
    for i, name in enumerate(who):
        own = [units[j] for j in range(len(who)) if who[j] == name and not (leave_out and j == i)]
        if len(own) < least:
            result.append(None)
            continue
        others = [
            unit(sum(units[j] for j in range(len(who)) if who[j] == other))
            for other in sorted(set(who) - {name})
        ]
        near = max(float(units[i] @ center) for center in others)
        result.append(float(units[i] @ unit(sum(own))) / (near + 1 + 1e-9))
    return result


@pytest.mark.parametrize(
    ("leave_out", "least"), [(False, 1), (True, 1), (True, 2), (True, 3), (False, 3)]
)
def test_the_ratio_is_the_slow_loop(vectors, leave_out, least):
    got = relative_classifiability(vectors, WHO, leave_out=leave_out, least=least)
    wanted = slow_ratio(vectors, list(WHO), leave_out, least)
    assert [math.isnan(value) for value in got] == [value is None for value in wanted]
    assert any(value is None for value in wanted) == (leave_out or least > 1)
    for value, want in zip(got, wanted, strict=True):
        assert want is None or value == pytest.approx(want, abs=1e-5)


def test_a_lone_image_is_the_best_with_itself_and_nothing_without(vectors):
    plain = relative_classifiability(vectors, WHO)
    alone = int(np.flatnonzero(WHO == "c")[0])
    assert own_similarity(vectors, np.unique(WHO, return_inverse=True)[1], 4)[
        alone
    ] == pytest.approx(1)
    assert np.isfinite(plain[alone])
    assert np.isnan(relative_classifiability(vectors, WHO, leave_out=True)[alone])
    assert np.isnan(quality_anchors(vectors, WHO, leave_out=True)[alone])


def test_anchors_are_scaled_over_those_who_have_one(vectors):
    ratio = relative_classifiability(vectors, WHO, leave_out=True)
    anchors = quality_anchors(vectors, WHO, leave_out=True, percentiles=(0, 100))
    low, high = np.nanmin(ratio), np.nanmax(ratio)
    np.testing.assert_allclose(anchors, (ratio - low) / (high - low), atol=1e-6)


def test_given_centers_are_used_and_a_missing_one_is_no_label(vectors, rng):
    names, table = np.array(["d", "a", "b"]), rng.normal(size=(3, 6)).astype(np.float32)
    got = relative_classifiability(vectors, WHO, centers=(names, table))
    for i, name in enumerate(WHO):
        if name == "c":
            assert np.isnan(got[i])
            continue
        cosine = {
            n: float(unit(vectors[i]) @ unit(row)) for n, row in zip(names, table, strict=True)
        }
        near = max(value for n, value in cosine.items() if n != name)
        assert got[i] == pytest.approx(cosine[name] / (near + 1 + 1e-9), abs=1e-5)
    with pytest.raises(InputError, match="leave_out is for centers of these images"):
        relative_classifiability(vectors, WHO, centers=(names, table), leave_out=True)
    with pytest.raises(ShapeError, match="centers must have shape"):
        relative_classifiability(vectors, WHO, centers=(names, table[:, :3]))
    with pytest.raises(InputError, match="at least 2 people"):
        relative_classifiability(vectors, WHO, centers=(names[:1], table[:1]))


def slow_lowered(prior, vectors, who, best, least, rule, leave_out):
    order = sorted(range(len(who)), key=lambda i: -prior[i])
    if rule == "published":
        top = order[: math.ceil(best * len(who) - 1e-9)]
        chosen = {name: [i for i in top if who[i] == name] for name in set(who)}
        chosen = {name: rows for name, rows in chosen.items() if len(rows) >= least}
    else:
        chosen = {}
        for name in set(who):
            own = [i for i in order if who[i] == name]
            chosen[name] = own[: math.ceil(best * len(own) - 1e-9)]
    result = []
    for i, name in enumerate(who):
        rows = [j for j in chosen.get(name, []) if not (leave_out and j == i)]
        if not rows:
            result.append(math.nan)
            continue
        center = unit(sum(unit(vectors[j]) for j in rows))
        result.append(min(max(prior[i] - 0.5 * (1 - unit(vectors[i]) @ center), 0), 1))
    return result


@pytest.mark.parametrize("rule", ["identity", "published"])
@pytest.mark.parametrize("leave_out", [False, True])
@pytest.mark.parametrize(("best", "least"), [(0.2, 1), (0.5, 2), (1.0, 3)])
def test_ediffiqa_is_the_slow_loop_under_both_rules(vectors, rng, rule, leave_out, best, least):
    prior = rng.permutation(np.linspace(0.1, 0.9, len(WHO)))
    settings = {"best": best, "least": least, "rule": rule, "leave_out": leave_out}
    got = lowered_quality(prior, vectors, WHO, **settings)
    wanted = slow_lowered(prior, vectors, list(WHO), best, least, rule, leave_out)
    np.testing.assert_allclose(got, wanted, atol=1e-6)
    assert np.isnan(lowered_quality(prior, vectors, WHO, rule="published")).all(), "nobody has ten"


def labeled(method, vectors, **more):
    ids = [f"{name}/{i}" for i, name in enumerate(WHO)]
    embeddings = Embeddings(np.array(ids), vectors / np.linalg.norm(vectors, axis=1, keepdims=True))
    return label_rows(method, embeddings=embeddings, **more)


def test_the_verb_leaves_out_and_says_who_has_no_mate(vectors):
    run = labeled("cr_fiqa", vectors)
    table = run.table
    assert table.filter(table["status"] == "no_mate")["identity"].to_list() == ["c"]
    assert run.failed == 1
    np.testing.assert_allclose(
        run.quality.value,
        [v for v in slow_ratio(vectors, list(WHO), True, 1) if v is not None],
        atol=1e-5,
    )
    kept = labeled("cr_fiqa", vectors, options={"leave_out": False})
    assert kept.failed == 0
    assert (
        labeled("cr_fiqa", vectors, options={"least": 3}).table["status"].to_list().count("no_mate")
        == 6
    )


def test_centers_reach_the_verb_and_change_the_record(vectors, rng, tmp_path):
    centers = Embeddings(np.array(["a", "b", "d"]), np.eye(6)[:3].astype(np.float32))
    run = labeled("cr_fiqa", vectors, centers=centers, out=tmp_path / "l.parquet")
    assert run.table["status"].to_list().count("no_center") == 1
    assert not labeled("cr_fiqa", vectors, out=tmp_path / "l.parquet").current
    with pytest.raises(InputError, match="norm takes no class centers"):
        labeled("norm", vectors, centers=centers)


def test_several_priors_are_refused_with_their_names(vectors):
    ids = np.array([f"{name}/{i}" for i, name in enumerate(WHO)])
    priors = [Quality(ids, np.linspace(0, 1, len(ids)), name) for name in ("m", "n")]
    with pytest.raises(InputError, match="one prior, got 2: m, n"):
        labeled("faceqnet", vectors, prior=priors)
    assert labeled("faceqnet", vectors, prior=priors[:1]).failed == 0
