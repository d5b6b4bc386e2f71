"""How nouns show themselves."""

from __future__ import annotations

import numpy as np
import pytest

import fiqa
from fiqa.functional.edc import discard_curve
from fiqa.types import Embeddings, Faces, Factors, Manifest, Pairs, Quality
from fiqa.vocabulary import FACTORS

IDS = np.array(["a/1", "a/2", "<b>/1"])


def curve():
    return discard_curve(
        [0.9, 0.1, 0.8],
        [True] * 3,
        [[0.9, 0.8], [0.1, 0.9], [0.5, 0.5]],
        protocol="schlett2023",
        start_fnmr=0.3,
    )


NOUNS = {
    "Manifest(3 images of 2 identities: 2 ok, 1 no_face)": lambda: Manifest(
        IDS, IDS, np.array(["a", "a", "b"]), status=np.array(["ok", "ok", "no_face"])
    ),
    "Manifest(0 images: none)": lambda: Manifest(IDS[:0], IDS[:0]),
    "Faces(2 crops of 112x112, grey)": lambda: Faces(
        np.zeros((2, 112, 112, 3), np.uint8), grey=np.zeros(2, bool)
    ),
    "Faces(1 crops of 112x112, pixels alone)": lambda: Faces(np.zeros((1, 112, 112, 3), np.uint8)),
    "Factors(2 faces, 1 with a reason)": lambda: Factors(
        {name: np.zeros(2, np.float32) for name in FACTORS}, {}, [("blurry",), ()]
    ),
    "Embeddings(3 vectors of 2 numbers by an unnamed recognizer)": lambda: Embeddings(
        IDS, np.array([[1.0, 0]] * 3)
    ),
    "Quality(score by m: 3 faces, 0.25 .. 1, median 0.5)": lambda: Quality(
        IDS, np.array([0.25, 0.5, 1]), "m"
    ),
    "Quality(label by m: none)": lambda: Quality(IDS[:0], np.empty(0), "m", "label"),
    "Pairs(1 mated, 1 non-mated, of 3 images)": lambda: Pairs(
        IDS, np.array([[0, 1], [0, 2]]), np.array([True, False])
    ),
}


@pytest.mark.parametrize("text", NOUNS)
def test_a_noun_says_in_one_line_what_it_holds(text):
    assert repr(NOUNS[text]()) == text


def test_a_curve_says_its_protocol_and_its_counts_and_draws_itself():
    text = repr(curve())
    assert text.startswith(
        "DiscardCurve(schlett2023 at a starting FNMR: FNMR 0.3333 at 0, 0 at 30 %"
    )
    assert "1 errors of 3 mated pairs" in text
    shown = curve()._repr_html_()
    assert shown.count("<svg") == 1
    # The first step starts at the top of the drawing (y = 20) and the curve ends on its axis (y =
    # 120).
    assert 'd="M40.0 20.0H' in shown
    assert "V120.0" in shown


def test_what_a_notebook_shows_is_escaped():
    rows = Manifest(IDS, IDS)._repr_html_()
    assert "<b>" not in rows
    assert "&lt;b&gt;/1" in rows


def test_a_histogram_has_a_bar_for_every_bin_that_is_as_tall_as_its_count():
    shown = Quality(
        np.array([f"i{k}" for k in range(4)]), np.array([0, 0, 0, 1.0]), "m"
    )._repr_html_()
    assert shown.count("<rect") == 30
    assert 'height="100.0"' in shown
    assert 'height="33.3"' in shown


def test_a_scorer_and_a_card_say_what_they_are():
    text = repr(fiqa.load())
    assert text.startswith("<Bundled fiqa, sha256 ")
    assert "RGB 112x112" in text
    from fiqa.methods import card

    shown = card("laplacian")._repr_html_()
    assert "<strong>laplacian</strong>" in shown
    assert "extras" not in shown, "an empty field is left out"
