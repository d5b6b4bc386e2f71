"""The contact sheet: what each card says, what happens with failures, hostile names and very many
rows; and the pictures."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from fiqa.errors import InputError, ShapeError, UnknownNameError
from fiqa.languages import PHRASES, REASONS, phrase
from fiqa.report.page import LEVEL_COLORS
from fiqa.report.picture import Picture, save_ladders_png
from fiqa.report.scripts import SHEET
from fiqa.report.sheet import costliest, name, save_sheet_png, sheet
from fiqa.vocabulary import ADVICE, FACTORS, NOTES, STATUSES


def row(**given: Any) -> dict[str, Any]:
    values = {
        "id": "a",
        "path": "in/a.jpg",
        "face_index": 0,
        "status": "ok",
        "reasons": ["blurry", "noisy"],
        "uqs": 42,
        "level": "medium",
        "model": "analytic",
        "factors": {**dict.fromkeys(FACTORS, 0.9), "blur": 0.125, "pose": None},
    }
    return values | given


FAILED = row(
    path="b.jpg", status="no_face", uqs=None, level=None, factors=None, reasons=None, model=None
)


@pytest.fixture
def crop(rng: np.random.Generator) -> NDArray[np.uint8]:
    return np.repeat(np.repeat(rng.integers(0, 256, (14, 14, 3), np.uint8), 8, axis=0), 8, axis=1)


def pixels(path: Path) -> NDArray[np.uint8]:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def shows(picture: NDArray[np.uint8], level: str) -> bool:
    """Whether the level's color is anywhere."""
    color = [int(LEVEL_COLORS[level][0][i : i + 2], 16) for i in (1, 3, 5)]
    return bool((picture == color).all(axis=2).any())


GOOD = dict.fromkeys(FACTORS, 0.9) | {"blur": 0.8}


def test_a_card_says_what_the_score_could_be_and_has_a_map_where_there_is_one(
    crop: NDArray[np.uint8],
) -> None:
    rows = [row(measures={"score_could_be": value}) for value in (71.2, 44.0, None)]
    page = sheet(rows, [crop] * 3, maps=[crop, None, None])
    assert page.count("That would give about") == 1, "not where it is hardly another score"
    assert "about 71." in page
    assert page.count('class="map"') == 1
    assert "orange is what the score needs" in page
    plain = sheet(rows, [crop] * 3)
    assert 'class="map"' not in plain
    assert "orange" not in plain
    with pytest.raises(ShapeError):
        sheet(rows, [crop] * 3, maps=[crop])


def test_a_card_says_score_level_reason_and_remedy(crop: NDArray[np.uint8]) -> None:
    page = sheet([row()], [crop], title="T", footer="fiqa score in")
    assert '<div class="score">42<span class="chip"' in page
    assert ">medium</span>" in page
    assert LEVEL_COLORS["medium"][0] in page
    assert "<b>blurry</b>, noisy" in page
    assert ADVICE["blurry"] in page
    assert "1 row, 1 scored 0..100 by analytic. Median 42." in page
    assert "fiqa score in</footer>" in page
    assert 'loading="lazy"' in page
    assert page.count("data:image/jpeg;base64,") == 1


def test_six_bars_with_the_reasons_factors_marked_and_the_missing_empty(
    crop: NDArray[np.uint8],
) -> None:
    page = sheet([row()], [crop])
    bars = re.findall(
        r'<div( class="most")?>([\w ]+)<u><i style="width:(\d+)%"></i></u><em>([^<]+)</em>', page
    )
    assert [bar[1] for bar in bars] == [phrase(name) for name in FACTORS]
    assert [bar[1] for bar in bars if bar[0]] == [
        "clearness",
        "sharpness",
    ], "noisy is a matter of visibility"
    assert {bar[1]: bar[2:] for bar in bars}["sharpness"] == ("12", "12 %")
    assert {bar[1]: bar[2:] for bar in bars}["facing"] == ("0", "–")
    assert "100 % is as good as can be" in page
    assert "100 % is as good" not in sheet([row(factors=None)], [crop])


def test_every_factor_with_a_reason_is_marked_in_page_and_picture(
    crop: NDArray[np.uint8], tmp_path: Path
) -> None:
    def marked(reasons: list[str]) -> list[str]:
        page = sheet([row(reasons=reasons, factors=GOOD)], [crop])
        return re.findall(r'<div class="most">([\w ]+)<u>', page)

    assert marked(["occluded_mouth", "extreme_yaw", "cropped"]) == [
        "uncovered", "facing", "in frame"]  # fmt: skip
    assert marked(["mask", "unusual_eyes"]) == ["uncovered"], "a region is no factor"
    assert marked(["unusual_eyes"]) == []
    assert marked(["a_word_of_a_later_version"]) == ["sharpness"], "the costliest"
    assert marked([]) == []
    worse = sheet([row(reasons=["blurry"], factors={**GOOD, "pose": 0.3, "blur": 0.2})], [crop])
    assert re.findall(r'<div class="most">([\w ]+)<u>', worse) == ["facing", "sharpness"], (
        "every bad factor, whatever the reasons name"
    )
    counts = []
    for k, reasons in enumerate((["blurry"], ["blurry", "glare", "occluded_eyes"])):
        save_sheet_png([row(reasons=reasons, factors=GOOD)], [crop], tmp_path / f"{k}.png")
        counts.append(int((pixels(tmp_path / f"{k}.png") == (0xB8, 0x3A, 0x06)).all(axis=2).sum()))
    assert counts[1] > 1.5 * counts[0] > 0, (
        "the full bars of two more factors are in the color of cost"
    )


def test_detector_turn_and_notes_are_on_the_page(crop: NDArray[np.uint8]) -> None:
    rows = [
        row(detector="dlib", turn=90, notes="profile_converted=Display <P3>;samples_narrow=12"),
        row(detector="yunet", turn=0),
    ]
    page = sheet(rows, [crop, crop])
    assert "Faces found by dlib, yunet." in page
    for text in (
        "profile converted: Display &lt;P3&gt;",
        "samples narrow: 12",
        "turned by 90 degrees",
    ):
        assert page.count(text) == 1
    assert "found by" not in sheet([row()], [crop])


def test_a_good_face_has_nothing_to_correct_and_nothing_marked(crop: NDArray[np.uint8]) -> None:
    page = sheet([row(reasons=[], uqs=88, level="perfect", factors=GOOD)], [crop])
    assert "Nothing to correct" in page
    assert "Weakest factor: sharpness." in page
    assert 'class="most"' not in page
    low = sheet([row(reasons=[], uqs=8, level="unusable")], [crop])
    assert "Nothing to correct" not in low
    assert "No single reason<span>Weakest factor: sharpness.</span>" in low


def test_scores_without_factors_are_cards_too(crop: NDArray[np.uint8]) -> None:
    page = sheet([row(factors=None, reasons=None)], [crop])
    assert '<div class="score">42' in page
    assert 'class="bars"' not in page
    assert 'class="why"' not in page


def test_a_failed_row_shows_its_status_and_is_no_zero(crop: NDArray[np.uint8]) -> None:
    page = sheet([row(), FAILED], [crop, None])
    assert "<b>no face</b><span>The detector found no face.</span>" in page
    assert "<b>1</b> no face</span>" in page
    assert "2 rows, 1 scored" in page
    assert page.count('class="score"') == 1


class Tags(HTMLParser):
    """Every tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def of(self, tag: str, **wanted: str) -> list[dict[str, str | None]]:
        return [
            found
            for name, found in self.tags
            if name == tag and all(found.get(key) == value for key, value in wanted.items())
        ]


def people() -> list[dict[str, Any]]:
    return [
        row(path="in/ann/1.jpg", uqs=42, reasons=["blurry"]),
        row(path="in/ann/2.jpg", uqs=90, level="perfect", reasons=[]),
        row(path="in/bob/<3>.jpg", uqs=7, level="unusable", reasons=["blurry", "noisy"]),
        {**FAILED, "path": "in/bob/4.jpg"},
    ]


def test_the_fields_offer_what_is_there(crop: NDArray[np.uint8]) -> None:
    page = sheet(people(), [crop, crop, crop, None])

    def options(key: str) -> list[str]:
        found = re.findall(rf'<select id="{key}"[^>]*>(.*?)</select>', page)
        return re.findall(r"<option[^>]*>([^<]+)</option>", found[0])

    assert options("level") == ["all", "unusable (1)", "medium (1)", "perfect (1)", "no face (1)"]
    assert options("reason") == ["any", "blurry (2)", "noisy (1)"]
    assert options("group") == ["none", "by folder", "worst and best of each folder"]
    cards = Tags(page).of("article")
    assert [card.get("data-score") for card in cards] == ["42", "90", "7", None]
    assert [card["data-level"] for card in cards] == ["medium", "perfect", "unusable", "no_face"]
    assert [card["data-group"] for card in cards] == ["in/ann"] * 2 + ["in/bob"] * 2
    assert cards[2]["data-reasons"] == "blurry noisy"
    alike = sheet([row()], [crop])
    assert 'id="group"' not in alike, "one folder needs no groups"
    named = sheet([row(identity="Ann"), row(identity="Bob")], [crop, crop])
    assert "by person" in named
    assert 'data-group="Ann"' in named


def test_without_the_script_all_is_visible(crop: NDArray[np.uint8]) -> None:
    tags = Tags(sheet(people(), [crop, crop, crop, None]))
    assert not any("hidden" in card for card in tags.of("article"))
    tools = [found for _, found in tags.tags if (found.get("class") or "").startswith("tools")]
    assert len(tools) == 2
    assert all("hidden" in found for found in tools), "fields that do nothing are not shown"


def test_every_field_has_a_name_and_news_are_told(crop: NDArray[np.uint8]) -> None:
    page = sheet(people(), [crop, crop, crop, None])
    tags = Tags(page)
    fields = len(tags.of("input")) + len(tags.of("select"))
    assert fields == 5
    assert len(re.findall(r"<label>[^<]+<(?:input|select)", page)) == fields
    assert len(tags.of("p", role="status")) == 1
    assert all(button["type"] == "button" for button in tags.of("button"))
    assert not [found for _, found in tags.tags if "tabindex" in found or "onclick" in found]


def test_only_our_script_may_run_and_nothing_is_asked_for(crop: NDArray[np.uint8]) -> None:
    page = sheet(people(), [crop, crop, crop, None], folder="out")
    tags = Tags(page)
    (policy,) = [
        found["content"]
        for found in tags.of("meta")
        if found.get("http-equiv") == "Content-Security-Policy"
    ]
    digest = base64.b64encode(hashlib.sha256(SHEET.encode()).digest()).decode()
    assert policy == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline';"
        f" script-src 'sha256-{digest}'"
    )
    assert page.split("<script>")[1].split("</script>")[0] == SHEET
    sources = [found["src"] or "" for _, found in tags.tags if "src" in found]
    assert len(sources) == 3
    assert all(source.startswith("data:image/jpeg;base64,") for source in sources)
    asking = re.compile(r"https?:|fetch|XMLHttp|import\b|WebSocket|sendBeacon|@import|url\(")
    assert not asking.findall(re.sub(r'src="[^"]+"', "", page))


def test_a_card_leads_to_its_photograph(crop: NDArray[np.uint8]) -> None:
    rows = [
        *people()[2:],
        row(path="bytes:in/caf%E9.jpg"),
        row(path="out/javascript:alert(1).jpg"),
        row(path="", id="7"),
    ]
    tags = Tags(sheet(rows, [crop, None, crop, crop, crop], folder="out"))
    assert [found["href"] for found in tags.of("a")] == [
        "./../in/bob/%3C3%3E.jpg",
        "./../in/bob/4.jpg",
        "./../in/caf%E9.jpg",
        "./javascript%3Aalert%281%29.jpg",
    ]
    assert tags.of("a")[0]["aria-label"] == "Open <3>.jpg"
    assert not Tags(sheet(rows[:1], [crop])).of("a")


def test_the_histogram_counts_the_scores(crop: NDArray[np.uint8]) -> None:
    rows = [row(uqs=uqs) for uqs in (0, 4, 5, 50, 99, 100)]
    page = sheet(rows, [crop] * 6)
    bars = dict(re.findall(r'title="(\d+ to \d+): (\d+)"', page))
    assert len(bars) == 20
    assert {key: n for key, n in bars.items() if n != "0"} == {
        "0 to 4": "2", "5 to 9": "1", "50 to 54": "1", "95 to 100": "2",
    }  # fmt: skip
    assert 'class="hist" role="img" aria-label="Histogram' in page
    assert 'class="hist"' not in sheet(rows[:1], [crop])


def test_a_card_names_its_detector(crop: NDArray[np.uint8]) -> None:
    page = sheet([row(detector="dlib"), row(detector="yunet")], [crop, crop])
    cards = page.split("<article")[1:]
    assert ["found by dlib" in card for card in cards] == [True, False]
    assert "found by yunet" in cards[1]


def test_only_the_crops_that_are_shown_are_asked_for(crop: NDArray[np.uint8]) -> None:
    asked: list[int] = []

    class Crops(list[Any]):
        def __getitem__(self, place: Any) -> Any:
            asked.append(place)
            return crop

    rows = [row(path=f"{k}.jpg", uqs=k) for k in range(9, -1, -1)]
    sheet(rows, Crops([None] * 10), limit=3, order="worst")
    assert asked == [9, 8, 7]


def test_the_same_rows_are_the_same_page(crop: NDArray[np.uint8]) -> None:
    crops = [crop, crop, crop, None]
    assert sheet(people(), crops, folder="o") == sheet(people(), crops, folder="o")


class _Told(HTMLParser):
    """What a page tells a reader: its texts, and the attributes that are read out or shown."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.told: set[str] = set()
        self.languages: list[str] = []
        self._inside = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        for name_, value in attrs:
            if name_ in ("alt", "title", "aria-label", "placeholder", "data-shown", "data-none"):
                self.told.add(str(value).strip())
            if name_ == "lang":
                self.languages.append(f"{tag} {value}")

    def handle_data(self, data: str) -> None:
        if self._inside not in ("style", "script") and data.strip():
            self.told.add(data.strip())


def everything(crop: NDArray[np.uint8], language: str, **given: Any) -> _Told:
    """The sheet of rows that have all that a sheet may say."""
    notes = ";".join([*NOTES, "profile_converted=P3"])
    rows = [
        row(path="in/1.jpg", face_index=1, turn=90, detector="yunet", notes=notes, identity="7"),
        row(path="in/2.jpg", reasons=[], level="perfect", uqs=95, factors=GOOD),
        row(path="in/3.jpg", reasons=[], level="low", uqs=31, measures={"score_could_be": 77.0}),
        row(path="in/4.jpg", reasons=list(REASONS), level="good", uqs=70),
        row(path="in/5.jpg", level="unusable", uqs=4, measures={"score_could_be": 77.0}),
        *(FAILED | {"path": "in/6.jpg", "status": status} for status in STATUSES),
    ]
    maps = [crop] * 5 + [None] * len(STATUSES)
    crops = [crop] * 4 + [None] * (len(STATUSES) + 1)
    return _Told(sheet(rows, crops, folder=".", language=language, maps=maps, **given))


@pytest.mark.parametrize("order", ["given", "worst"])
@pytest.mark.parametrize("language", ["de", "zh", "es"])
def test_no_label_stays_english(crop: NDArray[np.uint8], language: str, order: Any) -> None:
    """What an English and another sheet of the same rows both say are names and numbers."""
    theirs, ours = (everything(crop, code, order=order, limit=36) for code in ("en", language))
    data = {"in/1.jpg", "in/2.jpg", "in/3.jpg", "in/4.jpg", "in/5.jpg", "in/6.jpg"}
    data |= {path.removeprefix("in/") for path in data}
    same = {text for text in theirs.told & ours.told if re.search(r"[^\W\d_]", text)} - data
    assert same == set()
    assert len(theirs.told - data) > 60
    english = [words["en"] for words in PHRASES.values()]
    english += [words["en"][part] for words in REASONS.values() for part in (0, 1)]
    own = " ".join(words[language] for words in PHRASES.values())
    for told in english:
        # a value may be anything; what stands between values is what the label says
        parts = [part.strip(" :,.") for part in re.split(r"\{\}", told)]
        for part in parts:
            if len(part) > 3 and part not in own:
                assert not any(re.search(rf"\b{re.escape(part)}\b", text) for text in ours.told), (
                    part
                )


@pytest.mark.parametrize("language", ["en", "de", "zh", "es"])
def test_the_page_says_its_language(crop: NDArray[np.uint8], language: str) -> None:
    told = everything(crop, language)
    assert told.languages[0] == f"html {language}"
    assert {text.split()[1] for text in told.languages} == {language}
    assert phrase("sheet", language) in told.told
    assert "Mine" in everything(crop, language, title="Mine").told


def test_numbers_are_written_as_the_language_has_them(crop: NDArray[np.uint8]) -> None:
    rows = [row(uqs=42), row(uqs=43)] + [FAILED] * 1200
    told = {code: " ".join(_Told(sheet(rows, [None] * 1202, language=code)).told) for code in
            ("en", "de", "zh", "es")}  # fmt: skip
    assert "1,202" in told["en"]
    assert "1,202" in told["zh"]
    assert "1.202" in told["de"]
    assert "1.202" in told["es"]
    assert "42.5" in told["en"]
    assert "42,5" in told["de"]


def test_no_rows_is_a_page() -> None:
    assert "0 rows, 0 scored" in sheet([], [])


@pytest.mark.parametrize(
    "path",
    [
        "<script>alert(1)</script>.jpg",
        '"><img src=x onerror=alert(1)>.jpg',
        "a\nb.jpg",
        "\udcff.jpg",
    ],
)
def test_names_are_escaped(path: str, crop: NDArray[np.uint8], tmp_path: Path) -> None:
    page = sheet([row(path=path), {**FAILED, "path": path}], [crop, None], title=path, footer=path)
    page.encode("utf-8")
    assert page.count("<script") == 1
    assert page.split("<script>")[1].split("</script>")[0] == SHEET, "no script but ours"
    assert "<img src=x" not in page
    save_sheet_png([row(path=path)], [crop], tmp_path / "sheet.png", title=path)


def test_the_limit_leaves_out_and_says_so(crop: NDArray[np.uint8]) -> None:
    rows = [row(path=f"{i}.jpg", uqs=i, level="low") for i in range(30)] + [FAILED]
    crops = [crop] * 30 + [None]
    page = sheet(rows, crops, limit=4)
    assert page.count("<article") == 4
    assert "31 rows" in page
    assert "27 left out of this page, the last ones." in page
    assert re.findall(r'class="score">(\d+)', page) == ["0", "1", "2", "3"]
    worst = sheet(rows[::-1], crops[::-1], limit=4, order="worst")
    assert re.findall(r'class="score">(\d+)', worst) == ["0", "1", "2"]
    assert worst.index("no face</b>") < worst.index('class="score"')
    assert "27 left out of this page, the best ones." in worst


def test_a_thousand_rows_are_a_page_of_bounded_size(crop: NDArray[np.uint8]) -> None:
    rows = [row(path=f"{i}.jpg") for i in range(3000)]
    page = sheet(rows, np.repeat(crop[None], 3000, axis=0))
    assert page.count("<article") == 500
    assert len(page) < 500 * 12_000


def test_what_is_refused(crop: NDArray[np.uint8], tmp_path: Path) -> None:
    with pytest.raises(ShapeError, match=r"crops must have one entry per row \(2\), got 1"):
        sheet([row(), row()], [crop])
    with pytest.raises(InputError, match="limit must be in"):
        sheet([], [], limit=0)
    with pytest.raises(UnknownNameError, match="Unknown order 'best'"):
        sheet([], [], order="best")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="columns must be in"):
        save_sheet_png([], [], tmp_path / "x.png", columns=0)
    with pytest.raises(
        ShapeError, match=r"ladders\['Blur'\] must have 2 crops like the labels, got 1"
    ):
        save_ladders_png(
            {"Blur": [(crop, row())]}, tmp_path / "x.png", title="", lead="", labels=["a", "b"]
        )
    assert not list(tmp_path.iterdir())


def test_names_for_people() -> None:
    assert name({"path": "a/b/c.jpg"}) == "c.jpg"
    assert name({"path": "a\\b.jpg", "face_index": 2}) == "b.jpg, face 3"
    assert name({"id": "x"}) == "x"
    assert costliest({"factors": None}) is None
    assert costliest({"factors": {"blur": float("nan"), "crop": 0.5}}) == "crop"


def test_the_sheet_as_a_picture(crop: NDArray[np.uint8], tmp_path: Path) -> None:
    rows, crops = [row(), FAILED, row(level="perfect", reasons=[])], [crop, None, crop[::2, ::2]]
    save_sheet_png(rows, crops, tmp_path / "wide.png", columns=3)
    save_sheet_png(rows, crops, tmp_path / "tall.png", columns=1)
    wide, tall = pixels(tmp_path / "wide.png"), pixels(tmp_path / "tall.png")
    assert wide.shape[1] > 2 * tall.shape[1]
    assert tall.shape[0] > 2 * wide.shape[0] * 0.9
    assert shows(wide, "medium")
    assert shows(wide, "perfect")
    assert not shows(wide, "low")
    assert any(np.array_equal(wide[y : y + 112, 24 : 24 + 112], crop) for y in range(100, 130)), (
        "the crop itself"
    )
    save_sheet_png(rows, crops, tmp_path / "few.png", limit=1)
    assert pixels(tmp_path / "few.png").shape[0] < tall.shape[0]


def test_the_ladders_as_a_picture(crop: NDArray[np.uint8], tmp_path: Path) -> None:
    rungs = [(crop, row()), (crop // 2, row(level="low", uqs=30))]
    save_ladders_png(
        {"Dark\nlowers light": rungs},
        tmp_path / "l.png",
        title="T",
        lead="L",
        labels=["clean", "50%"],
    )
    save_ladders_png(
        {"Dark": rungs},
        tmp_path / "small.png",
        title="T",
        lead="L",
        labels=["clean", "50%"],
        colors=32,
    )
    whole = pixels(tmp_path / "l.png")
    assert shows(whole, "medium")
    assert shows(whole, "low")
    assert (tmp_path / "small.png").stat().st_size < (tmp_path / "l.png").stat().st_size
    assert np.abs(pixels(tmp_path / "small.png").astype(int) - whole).mean() < 4


def test_text_never_runs_over_its_width() -> None:
    picture = Picture(300, 60)
    assert picture.text(0, 0, "a very long name that never ends.jpg" * 3, 12, width=100) <= 100
    picture.paragraph(0, 20, "word " * 100, 12, width=200, lines=2)
    drawn = np.nonzero((picture.pixels < 255).any(axis=(0, 2)))[0]
    assert drawn.max() <= 201
    rows = np.nonzero((picture.pixels[20:] < 255).any(axis=(1, 2)))[0]
    assert rows.max() < 2 * 12 * 1.3 + 4
