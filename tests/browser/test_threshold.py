"""The page of `fiqa threshold` in a browser: the slider tells what a loop over the images finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import fiqa
from fiqa.report.threshold import cut_page
from fiqa.types import Embeddings, Quality


@pytest.fixture(scope="module")
def evidence() -> tuple[Any, ...]:
    """(quality, vectors, identity, page) of 320 images of 80 people, a fifth of them bad."""
    draw = np.random.default_rng(7)
    quality, who = draw.random(320), np.repeat(np.arange(80), 4)
    noise = np.where(quality < 0.2, 4.0, 0.35)[:, None] * draw.normal(size=(320, 16))
    vectors = draw.normal(size=(80, 16))[who] + noise
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.array([f"p{p}/{k}" for k, p in enumerate(who)])
    report = fiqa.threshold(
        Quality(ids, quality, "</script><b>"), Embeddings(ids, vectors, None, "rec"), fmr=0.01,
        fnmr=[0.1, 0.03], draws=5,
    )  # fmt: skip
    return quality, vectors, who, cut_page(report)


def done_by(cut: float, quality: Any, vectors: Any, who: Any) -> tuple[float, int, int]:
    """(share of the images kept, errors, mated pairs kept) of a cut, by a loop over the pairs. The
    threshold lets at most a hundredth of the non-mated pairs of all images pass."""
    pairs = [(a, b) for a in range(len(who)) for b in range(a)]
    similarity = {pair: float(vectors[pair[0]] @ vectors[pair[1]]) for pair in pairs}
    others = sorted((similarity[p] for p in pairs if who[p[0]] != who[p[1]]), reverse=True)
    threshold = others[int(0.01 * len(others))]
    kept = [p for p in pairs if who[p[0]] == who[p[1]] and min(quality[list(p)]) >= cut]
    errors = sum(similarity[pair] <= threshold for pair in kept)
    return float(np.mean(quality >= cut)), errors, len(kept)


def told(page: Any) -> dict[str, str]:
    """What stands under the slider, by the id of its place."""
    places = page.locator("#slider dd")
    return dict(
        zip(places.evaluate_all("all => all.map((e) => e.id)"), places.all_inner_texts(),
            strict=True)
    )  # fmt: skip


@pytest.mark.parametrize("share", [0.15, pytest.param(0.6, marks=pytest.mark.slow)])
def test_the_slider_tells_what_a_loop_finds(evidence: Any, visit: Any, share: float) -> None:
    *given, text = evidence
    page = visit(text)
    slide = page.get_by_role("slider")
    before = told(page)
    slide.fill(str(int(share * float(slide.get_attribute("max")))))
    after = told(page)
    assert after["at-cut"] != before["at-cut"]
    coverage, errors, kept = done_by(float(after["at-cut"]), *given)
    assert after["at-kept"] == f"{100 * coverage:.2f} %"
    assert after["at-errors"] == f"{errors:,} of {kept:,} pairs"
    assert after["at-fnmr"] == f"{100 * errors / kept:.2f} %"
    wishes = page.locator("#wishes li").all_inner_texts()
    assert [line.split(" on these")[0] for line in wishes] == [
        f"FNMR {wish:g}: {'yes' if errors / kept <= wish else 'no'}" for wish in (0.1, 0.03)
    ]


@pytest.mark.slow
def test_the_slider_obeys_the_keyboard_and_the_address(evidence: Any, visit: Any) -> None:
    page = visit(evidence[-1])
    slide = page.get_by_role("slider")
    place = int(slide.input_value())
    slide.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    assert int(slide.input_value()) == place + 2
    cut = told(page)["at-cut"]
    assert f"reject below {cut}" in slide.get_attribute("aria-valuetext")
    assert told(visit(evidence[-1], place=f"cut={cut}"))["at-cut"] == cut
