"""The reasons of a low score, and what to do about each, in every language.

One table: a code and its words in every language stand together. Codes themselves are interface and
the same in all of them. A sentence holds no `;`, which joins sentences in a text table.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["REASONS"]

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
        "mask": {
            "en": ("mask", "Take off the mask."),
            "de": ("Maske", "Die Maske abnehmen."),
            "zh": ("口罩", "请摘下口罩。"),
            "es": ("mascarilla", "Quítese la mascarilla."),
        },
        "hand_on_face": {
            "en": ("hand on the face", "Take the hand away from the face."),
            "de": ("Hand im Gesicht", "Die Hand aus dem Gesicht nehmen."),
            "zh": ("手遮面部", "请将手从面部移开。"),
            "es": ("mano en la cara", "Aparte la mano de la cara."),
        },
        "mouth_open": {
            "en": ("mouth open", "Close the mouth."),
            "de": ("Mund offen", "Den Mund schließen."),
            "zh": ("张嘴", "请闭上嘴。"),
            "es": ("boca abierta", "Cierre la boca."),
        },
        "exaggerated_expression": {
            "en": ("strong expression", "Relax the face: no grimace."),
            "de": ("starker Ausdruck", "Das Gesicht entspannen: keine Grimasse."),
            "zh": ("表情夸张", "请放松面部，不要做表情。"),
            "es": ("expresión marcada", "Relaje el rostro, sin muecas."),
        },
        "headwear": {
            "en": ("something on the head", "Take off the hat, or push it back from the face."),
            "de": ("Kopfbedeckung", "Die Mütze abnehmen oder aus dem Gesicht schieben."),
            "zh": ("头部佩戴物", "请摘下帽子，或将其推离面部。"),
            "es": ("algo en la cabeza", "Quítese el gorro o apártelo de la cara."),
        },
        "unusual_eyes": {
            "en": (
                "unusual around the eyes",
                "Look for glasses, hair, a hand or shadow at the eyes, and keep them open.",
            ),
            "de": (
                "um die Augen ungewöhnlich",
                "An den Augen nach Brille, Haaren, Hand oder Schatten sehen und sie offen halten.",
            ),
            "zh": ("眼部异常", "请检查眼部有无眼镜、头发、手或阴影，并睁开双眼。"),
            "es": (
                "algo inusual en los ojos",
                "Compruebe si hay gafas, pelo, mano o sombra en los ojos y manténgalos abiertos.",
            ),
        },
        "unusual_forehead": {
            "en": (
                "unusual above the eyes",
                "Look for a hat, hair or a hand on the forehead, and free it.",
            ),
            "de": (
                "über den Augen ungewöhnlich",
                "Auf der Stirn nach Mütze, Haaren oder Hand sehen und sie frei machen.",
            ),
            "zh": ("额头异常", "请检查额头有无帽子、头发或手，并露出额头。"),
            "es": (
                "algo inusual en la frente",
                "Compruebe si un gorro, el pelo o una mano tapan la frente y despéjela.",
            ),
        },
        "unusual_nose": {
            "en": (
                "unusual around the nose",
                "Look for a shadow or something before the nose, and face the camera.",
            ),
            "de": (
                "um die Nase ungewöhnlich",
                "An der Nase nach Schatten oder etwas davor sehen und in die Kamera blicken.",
            ),
            "zh": ("鼻部异常", "请检查鼻部有无阴影或遮挡，并正对镜头。"),
            "es": (
                "algo inusual en la nariz",
                "Compruebe si hay una sombra o algo ante la nariz y mire a la cámara.",
            ),
        },
        "unusual_mouth": {
            "en": (
                "unusual around the mouth",
                "Look for a hand, a beard or something before the mouth, and close it.",
            ),
            "de": (
                "um den Mund ungewöhnlich",
                "Am Mund nach Hand, Bart oder etwas davor sehen und ihn schließen.",
            ),
            "zh": ("口部异常", "请检查口部有无手、胡须或遮挡，并闭上嘴。"),
            "es": (
                "algo inusual en la boca",
                "Compruebe si hay una mano, barba o algo ante la boca y ciérrela.",
            ),
        },
        "unusual_cheeks": {
            "en": (
                "unusual at the cheeks",
                "Look for a shadow, a hand or a beard at the cheeks, and face the camera.",
            ),
            "de": (
                "an den Wangen ungewöhnlich",
                "An den Wangen nach Schatten, Hand oder Bart sehen und in die Kamera blicken.",
            ),
            "zh": ("脸颊异常", "请检查脸颊有无阴影、手或胡须，并正对镜头。"),
            "es": (
                "algo inusual en las mejillas",
                "Compruebe si hay sombra, una mano o barba en las mejillas y mire a la cámara.",
            ),
        },
        "unusual_outline": {
            "en": (
                "unusual beside the face",
                "Look for hair, a helmet, a scarf or another face beside this one.",
            ),
            "de": (
                "neben dem Gesicht ungewöhnlich",
                "Neben dem Gesicht nach Haaren, Helm, Schal oder einem anderen Gesicht sehen.",
            ),
            "zh": ("脸侧异常", "请检查脸侧有无头发、头盔、围巾或他人面孔。"),
            "es": (
                "algo inusual junto al rostro",
                "Compruebe si junto al rostro hay pelo, un casco, una bufanda u otra cara.",
            ),
        },
    }
)
"""Reason codes; of each, in every language, its name and the sentence that says what to do."""
