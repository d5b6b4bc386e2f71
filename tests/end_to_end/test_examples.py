"""The notebooks of examples/ run from top to bottom, and what they show is what they say."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
SHOWN = {
    "1_score_and_explain": ["the last one because of: blurry", "occluded_mouth:"],
    "2_prove_and_cut": ["area to 30 %", "DiscardCurve(iso at FMR 0.01"],
    "3_label_train_export": ["Quality(label by cr_fiqa: 128 faces"],
    "4_find_bad_data": ["equal files under different identities: 1", "Manifest(51 images of 6"],
}


def test_there_are_four_and_each_is_checked():
    assert [book.stem for book in NOTEBOOKS] == sorted(SHOWN)


@pytest.mark.slow
@pytest.mark.parametrize("book", NOTEBOOKS, ids=[book.stem for book in NOTEBOOKS])
def test_a_notebook_runs_from_top_to_bottom(book, monkeypatch):
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbclient and nbformat")
    from nbclient import NotebookClient

    monkeypatch.delenv("FIQA_EXAMPLE_FACES", raising=False)
    monkeypatch.delenv("FIQA_EXAMPLE_RECOGNIZER", raising=False)
    notebook = nbformat.read(book, as_version=4)
    NotebookClient(
        notebook, timeout=300, resources={"metadata": {"path": str(book.parent)}}
    ).execute()
    text = "".join(
        "".join(output.get("text", "")) + "".join(output.get("data", {}).get("text/plain", ""))
        for cell in notebook.cells
        for output in cell.get("outputs", ())
    )
    for words in SHOWN[book.stem]:
        assert words in text
