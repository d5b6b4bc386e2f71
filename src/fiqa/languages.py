"""What a person is told, in each language: the names of reasons and what to do about them.

One table: a code and its words in every language stand together. Codes themselves are interface and
the same in all of them. A sentence holds no `;`, which joins sentences in a text table.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from fiqa.errors import UnknownNameError

__all__ = ["LANGUAGES", "PHRASES", "REASONS", "advice", "known_language", "phrase", "reason_name"]

LANGUAGES = ("en", "de", "zh", "es")
"""English, German, Chinese (simplified), Spanish."""

REASONS: Mapping[str, Mapping[str, tuple[str, str]]] = MappingProxyType(
    {
        "blurry": {
            "en": ("blurry", "Focus on the face, or clean the lens."),
            "de": ("unscharf", "Auf das Gesicht scharf stellen oder das Objektiv reinigen."),
            "zh": ("模糊", "请对焦到面部，或擦净镜头。"),
            "es": ("borrosa", "Enfoque el rostro o limpie el objetivo."),
        },
        "motion_blur": {
            "en": ("motion blur", "Hold still, or use a shorter exposure."),
            "de": ("verwackelt", "Stillhalten oder kürzer belichten."),
            "zh": ("运动模糊", "请保持不动，或缩短曝光时间。"),
            "es": ("movida", "No se mueva o use una exposición más corta."),
        },
        "noisy": {
            "en": ("noisy", "Add light, so that the camera needs less gain."),
            "de": ("verrauscht", "Mehr Licht machen, damit die Kamera weniger verstärken muss."),
            "zh": ("噪点多", "请增加光线，使相机降低增益。"),
            "es": ("con ruido", "Añada luz para que la cámara necesite menos ganancia."),
        },
        "compression": {
            "en": ("compression", "Save with less compression."),
            "de": ("zu stark komprimiert", "Mit weniger Kompression speichern."),
            "zh": ("压缩过度", "请降低压缩率后再保存。"),
            "es": ("muy comprimida", "Guarde la imagen con menos compresión."),
        },
        "underexposed": {
            "en": ("underexposed", "Add light on the face."),
            "de": ("unterbelichtet", "Mehr Licht auf das Gesicht geben."),
            "zh": ("曝光不足", "请增加面部光线。"),
            "es": ("subexpuesta", "Ilumine más el rostro."),
        },
        "overexposed": {
            "en": ("overexposed", "Reduce the exposure, or the light on the face."),
            "de": ("überbelichtet", "Kürzer belichten oder das Licht auf dem Gesicht verringern."),
            "zh": ("曝光过度", "请降低曝光，或减弱面部光线。"),
            "es": ("sobreexpuesta", "Reduzca la exposición o la luz sobre el rostro."),
        },
        "uneven_light": {
            "en": ("uneven light", "Light the face evenly from both sides."),
            "de": ("ungleichmäßiges Licht", "Das Gesicht von beiden Seiten gleich beleuchten."),
            "zh": ("光线不均", "请从两侧均匀照亮面部。"),
            "es": ("luz desigual", "Ilumine el rostro por igual desde ambos lados."),
        },
        "glare": {
            "en": (
                "glare",
                "Move the light, or the glasses, so that nothing shines into the camera.",
            ),
            "de": (
                "Spiegelung",
                "Licht oder Brille so verrücken, dass nichts in die Kamera spiegelt.",
            ),
            "zh": ("反光", "请移动光源或眼镜，避免反光射入镜头。"),
            "es": ("reflejos", "Mueva la luz o las gafas para que nada se refleje en la cámara."),
        },
        "extreme_yaw": {
            "en": ("extreme yaw", "Turn the face toward the camera."),
            "de": ("zur Seite gedreht", "Das Gesicht zur Kamera drehen."),
            "zh": ("侧脸", "请将面部转向镜头。"),
            "es": ("girada hacia un lado", "Gire el rostro hacia la cámara."),
        },
        "extreme_pitch": {
            "en": (
                "extreme pitch",
                "Raise or lower the head, or the camera, until the eyes are level with it.",
            ),
            "de": (
                "nach oben oder unten geneigt",
                "Kopf oder Kamera heben oder senken, bis die Augen auf ihrer Höhe sind.",
            ),
            "zh": ("抬头或低头", "请抬高或放低头部或相机，使双眼与镜头齐平。"),
            "es": (
                "inclinada hacia arriba o abajo",
                "Suba o baje la cabeza o la cámara hasta que los ojos queden a su altura.",
            ),
        },
        "extreme_roll": {
            "en": ("extreme roll", "Hold the head upright."),
            "de": ("Kopf schief", "Den Kopf gerade halten."),
            "zh": ("头部歪斜", "请摆正头部。"),
            "es": ("cabeza ladeada", "Mantenga la cabeza recta."),
        },
        "occluded_eyes": {
            "en": (
                "occluded eyes",
                "Uncover the eyes: take off sunglasses, move hair or hands away.",
            ),
            "de": (
                "Augen verdeckt",
                "Die Augen frei machen: Sonnenbrille abnehmen, Haare oder Hände wegnehmen.",
            ),
            "zh": ("眼部遮挡", "请露出双眼：摘下墨镜，拨开头发，移开手。"),
            "es": (
                "ojos tapados",
                "Descubra los ojos: quítese las gafas de sol, aparte el pelo o las manos.",
            ),
        },
        "occluded_mouth": {
            "en": (
                "occluded mouth",
                "Uncover mouth and nose: take off the mask, move the hand away.",
            ),
            "de": (
                "Mund verdeckt",
                "Mund und Nase frei machen: Maske abnehmen, Hand wegnehmen.",
            ),
            "zh": ("口部遮挡", "请露出口鼻：摘下口罩，移开手。"),
            "es": (
                "boca tapada",
                "Descubra la boca y la nariz: quítese la mascarilla, baje la mano.",
            ),
        },
        "cropped": {
            "en": ("cropped", "Move the whole face into the frame."),
            "de": ("angeschnitten", "Das ganze Gesicht ins Bild rücken."),
            "zh": ("面部不完整", "请让整个面部进入画面。"),
            "es": ("cortada", "Encuadre el rostro completo."),
        },
        "face_too_small": {
            "en": ("face too small", "Come closer, or use a higher resolution."),
            "de": ("Gesicht zu klein", "Näher kommen oder eine höhere Auflösung wählen."),
            "zh": ("面部过小", "请靠近镜头，或提高分辨率。"),
            "es": ("rostro demasiado pequeño", "Acérquese o use una resolución mayor."),
        },
        "low_contrast": {
            "en": ("low contrast", "Add light from the front, or remove haze from the lens."),
            "de": ("kontrastarm", "Licht von vorn geben oder den Belag vom Objektiv wischen."),
            "zh": ("对比度低", "请增加正面光线，或擦去镜头上的雾气。"),
            "es": ("poco contraste", "Añada luz frontal o desempañe el objetivo."),
        },
        "unclear_features": {
            "en": (
                "unclear features",
                "Let eyes, nose and mouth be plainly seen: nothing across them, no hard shadow, the"
                " face to the front.",
            ),
            "de": (
                "Gesichtszüge undeutlich",
                "Augen, Nase und Mund deutlich zeigen: nichts davor, kein harter Schatten, das"
                " Gesicht nach vorn.",
            ),
            "zh": ("五官不清", "请让眼、鼻、口清晰可见：无遮挡，无浓重阴影，面部朝前。"),
            "es": (
                "rasgos poco claros",
                "Muestre con claridad ojos, nariz y boca: nada delante, sin sombras duras, el"
                " rostro de frente.",
            ),
        },
    }
)
"""Reason codes; of each, in every language, its name and the sentence that says what to do."""

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
        "visibility": {
            "en": "visibility",
            "de": "Sichtbarkeit",
            "zh": "可见性",
            "es": "visibilidad",
        },
        "unusable": {"en": "unusable", "de": "unbrauchbar", "zh": "不可用", "es": "inservible"},
        "low": {"en": "low", "de": "niedrig", "zh": "低", "es": "baja"},
        "medium": {"en": "medium", "de": "mittel", "zh": "中", "es": "media"},
        "good": {"en": "good", "de": "gut", "zh": "良好", "es": "buena"},
        "perfect": {"en": "perfect", "de": "perfekt", "zh": "优秀", "es": "perfecta"},
        "occlusion": {"en": "occlusion", "de": "Verdeckung", "zh": "遮挡", "es": "oclusión"},
        "pose": {"en": "pose", "de": "Haltung", "zh": "姿态", "es": "pose"},
        "illumination": {"en": "illumination", "de": "Licht", "zh": "光照", "es": "iluminación"},
        "blur": {"en": "blur", "de": "Schärfe", "zh": "清晰度", "es": "nitidez"},
        "crop": {"en": "crop", "de": "Ausschnitt", "zh": "取景", "es": "encuadre"},
    }
)
"""What stands on a contact sheet where there is no reason; the six factors by their names."""


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
