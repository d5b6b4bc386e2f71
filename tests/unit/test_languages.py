"""What a person is told is there in every language, and an unknown language is refused."""

from __future__ import annotations

import io
import re
from string import Formatter

import pytest
from PIL import Image

import fiqa
from fiqa.diagnosis.drawn_faces import drawn_faces
from fiqa.errors import UnknownNameError
from fiqa.languages import LANGUAGES, PHRASES, advice, known_language, reason_name
from fiqa.meanings import MEANINGS
from fiqa.reason_words import REASONS
from fiqa.report.sheet import sheet
from fiqa.vocabulary import ADVICE, FACTORS, LEVELS, STATUSES

CHINESE = re.compile("[\u4e00-\u9fff]")


def dark() -> bytes:
    """A drawn face with too little light, which has a reason."""
    stream = io.BytesIO()
    Image.fromarray(drawn_faces(1).crops[0] // 12).save(stream, format="PNG")
    return stream.getvalue()


def test_every_code_has_every_language_and_no_two_are_the_same():
    assert LANGUAGES == ("en", "de", "zh", "es")
    for code, words in REASONS.items():
        assert tuple(words) == LANGUAGES, code
        for part in (0, 1):
            assert len({word[part] for word in words.values()}) == len(LANGUAGES), code
    for name in PHRASES.values():
        assert tuple(name) == LANGUAGES
    assert set(FACTORS) <= set(PHRASES)
    assert dict(ADVICE) == {code: words["en"][1] for code, words in REASONS.items()}


def test_every_status_means_something_in_every_language():
    for status, words in MEANINGS.items():
        assert tuple(words) == LANGUAGES, status
        assert len(set(words.values())) == len(LANGUAGES), status
        for language, told in words.items():
            assert told.endswith("。" if language == "zh" else "."), told
            assert bool(CHINESE.search(told)) == (language == "zh"), told
            assert len(told) <= 110
    assert dict(STATUSES) == {status: words["en"] for status, words in MEANINGS.items()}
    assert set(LEVELS) <= set(PHRASES)


@pytest.mark.parametrize("language", LANGUAGES)
def test_advice_is_short_whole_and_can_be_joined(language):
    for code in REASONS:
        (told,) = advice([code], language)
        name = reason_name(code, language)
        assert told.endswith("。" if language == "zh" else "."), told
        assert ";" not in told + name
        assert "；" not in told
        assert len(told) <= 110
        assert bool(CHINESE.search(told)) == bool(CHINESE.search(name)) == (language == "zh")
    holes = [field for _, field, _, _ in Formatter().parse(PHRASES["weakest"][language])]
    assert "" in holes


def test_an_unknown_language_is_refused_with_the_closest():
    with pytest.raises(UnknownNameError, match=r"must be one of: de, en, es, zh") as caught:
        known_language("deu")
    assert caught.value.closest == "de"
    for call in (
        lambda: fiqa.score([dark()], aligned=True, language="zh-CN"),
        lambda: fiqa.FaceReader(detector="none", language="zh-CN"),
        lambda: fiqa.Stream(detector="none", language="zh-CN"),
    ):
        with pytest.raises(UnknownNameError) as caught:
            call()
        assert caught.value.closest == "zh"


def test_a_face_and_a_table_advise_in_the_language_and_keep_the_codes():
    known = {}
    for language in LANGUAGES:
        (face,) = fiqa.FaceReader(detector="none", language=language).read(dark())
        known[language] = face.reasons
        assert face.advice == advice(face.reasons, language)
        row = fiqa.score([dark()], aligned=True, explain=True, language=language).row(0, named=True)
        assert row["reasons"] == list(face.reasons)
        assert row["advice"] == list(face.advice)
    assert len(set(known.values())) == 1
    assert "underexposed" in known["en"]
    assert fiqa.score([dark()], aligned=True)["advice"].to_list() == [None]


def test_the_sidecar_says_the_language_and_another_one_is_another_table(tmp_path):
    from fiqa.data.store import read_sidecar

    (tmp_path / "a.png").write_bytes(dark())
    for language in ("de", "es"):
        out = tmp_path / "scores.csv"
        fiqa.score(tmp_path / "a.png", aligned=True, explain=True, language=language, out=out)
        assert read_sidecar(out)["arguments"]["language"] == language
        reasons, told = (fiqa.score(tmp_path / "a.png", aligned=True, explain=True,
                                    language=language, out=out)[name][0]
                         for name in ("reasons", "advice"))  # fmt: skip
        assert tuple(told) == advice(reasons, language)


def test_a_sheet_speaks_the_language():
    row = {"path": "a.png", "status": "ok", "uqs": 20, "level": "low", "reasons": ["extreme_roll"]}
    page = sheet([row], [None], language="es")
    assert '<p class="why" lang="es"><b>cabeza ladeada</b>' in page
    assert "Mantenga la cabeza recta." in page
    assert "cabeza ladeada (1)" in page
    fine = row | {"level": "good", "reasons": [], "factors": {"blur": 0.9}}
    assert "Nichts zu verbessern<span>Schwächster Faktor: Schärfe.</span>" in sheet(
        [fine], [None], language="de"
    )
    lost = {"path": "b.png", "status": "no_face", "uqs": None}
    page = sheet([fine, lost], [None, None], language="de")
    assert ">gut</span>" in page
    assert ">gut (1)</option>" in page
    assert "<b>1</b> gut" in page
    assert "<div>Schärfe<u>" in page
    assert "Der Detektor hat kein Gesicht gefunden." in page
    with pytest.raises(UnknownNameError):
        sheet([row], [None], language="fr")
