"""What a person is told, in each language; fiqa.reason_words has the table of the reasons,
fiqa.sheet_words that of the labels of a contact sheet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fiqa.errors import UnknownNameError
from fiqa.reason_words import REASONS
from fiqa.sheet_words import SHEET_PHRASES

__all__ = [
    "LANGUAGES",
    "PHRASES",
    "REASONS",
    "advice",
    "known_language",
    "number",
    "phrase",
    "reason_name",
]

LANGUAGES = ("en", "de", "zh", "es")
"""English, German, Chinese (simplified), Spanish."""

PHRASES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "nothing": {
            "en": "Nothing to correct",
            "de": "Nichts zu verbessern",
            "zh": "无需改进",
            "es": "Nada que corregir",
        },
        "no_single_reason": {
            "en": "No single reason",
            "de": "Kein einzelner Grund",
            "zh": "无单一原因",
            "es": "Sin un motivo único",
        },
        "weakest": {
            "en": "Weakest factor: {}.",
            "de": "Schwächster Faktor: {}.",
            "zh": "最弱的因素：{}。",
            "es": "Factor más débil: {}.",
        },
        "scale": {
            "en": "Bars: 100 % is as good as can be. Colored: under 50 %, or a reason.",
            "de": "Balken: 100 % ist bestens. Farbig: unter 50 % oder ein Grund.",
            "zh": "条形：100 % 为最佳。低于 50 % 或属于原因者以颜色标出。",
            "es": "Barras: 100 % es lo mejor. En color: menos del 50 % o un motivo.",
        },
        "could_be": {
            "en": "That would give about {}.",
            "de": "Das gäbe etwa {}.",
            "zh": "改正后约为 {} 分。",
            "es": "Así tendría unos {}.",
        },
        "map": {
            "en": "where the score comes from",
            "de": "woher die Note kommt",
            "zh": "分数的来源",
            "es": "de dónde viene la puntuación",
        },
        "map_says": {
            "en": "Maps of scores under 60: orange is what the score needs, blue what lowers it.",
            "de": "Karten der Noten unter 60: Orange braucht die Note, Blau senkt sie.",
            "zh": "低于 60 分的热图：橙色为得分所需，蓝色为降低得分之处。",
            "es": "Mapas de notas menores de 60: la nota necesita lo naranja, lo azul la baja.",
        },
        "visibility": {"en": "clearness", "de": "Klarheit", "zh": "清楚", "es": "claridad"},
        "unusable": {"en": "unusable", "de": "unbrauchbar", "zh": "不可用", "es": "inservible"},
        "low": {"en": "low", "de": "niedrig", "zh": "低", "es": "baja"},
        "medium": {"en": "medium", "de": "mittel", "zh": "中", "es": "media"},
        "good": {"en": "good", "de": "gut", "zh": "良好", "es": "buena"},
        "perfect": {"en": "perfect", "de": "perfekt", "zh": "优秀", "es": "perfecta"},
        "occlusion": {"en": "uncovered", "de": "unverdeckt", "zh": "无遮挡", "es": "sin tapar"},
        "pose": {"en": "facing", "de": "zugewandt", "zh": "正面", "es": "de frente"},
        "illumination": {"en": "light", "de": "Licht", "zh": "光照", "es": "luz"},
        "blur": {"en": "sharpness", "de": "Schärfe", "zh": "清晰度", "es": "nitidez"},
        "crop": {"en": "in frame", "de": "im Bild", "zh": "取景", "es": "encuadre"},
        **SHEET_PHRASES,
    }
)
"""What stands on a contact sheet besides reasons and statuses; the six factors by what is good in
them. `{}` is where a value goes."""


def known_language(language: str) -> str:
    """Returns a language that is one of LANGUAGES, as it is.

    Args:
        language: its code.

    Raises:
        UnknownNameError: another one; the message says the closest.
    """
    if language not in LANGUAGES:
        raise UnknownNameError("language", str(language), LANGUAGES)
    return language


def advice(reasons: Iterable[str], language: str = "en") -> tuple[str, ...]:
    """Returns what to do about each reason.

    Args:
        reasons: codes, each a key of REASONS.
        language: one of LANGUAGES.

    >>> advice(["extreme_roll"], "de")
    ('Den Kopf gerade halten.',)
    """
    return tuple(REASONS[code][language][1] for code in reasons)


def reason_name(code: str, language: str = "en") -> str:
    """Returns a reason as a person reads it; a code that is in no table is itself, without `_`.

    Args:
        code: of a reason, or another.
        language: one of LANGUAGES.

    >>> reason_name("motion_blur"), reason_name("motion_blur", "es")
    ('motion blur', 'movida')
    """
    known = REASONS.get(code)
    return code.replace("_", " ") if known is None else known[language][0]


def phrase(name: str, language: str = "en") -> str:
    """Returns one of PHRASES.

    Args:
        name: of it.
        language: one of LANGUAGES.
    """
    return PHRASES[name][language]


def number(value: float, language: str = "en") -> str:
    """Returns a number as a person writes it: up to six digits, an integer whole.

    Args:
        value: of any size; NaN is nan.
        language: one of LANGUAGES.

    >>> number(1234567), number(1234567, "de"), number(67.5, "es")
    ('1,234,567', '1.234.567', '67,5')
    """
    text = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return text.translate(_TURNED) if language in ("de", "es") else text


_TURNED = str.maketrans(",.", ".,")
