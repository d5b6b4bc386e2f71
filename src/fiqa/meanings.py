"""What each status of a row means, in each language: a code and its sentence in all of them.

Codes themselves are interface and the same in every language.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["MEANINGS", "meaning"]

MEANINGS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "ok": {
            "en": "The row has numbers.",
            "de": "Die Zeile hat Zahlen.",
            "zh": "该行有数值。",
            "es": "La fila tiene números.",
        },
        "no_face": {
            "en": "The detector found no face.",
            "de": "Der Detektor hat kein Gesicht gefunden.",
            "zh": "检测器未找到人脸。",
            "es": "El detector no encontró ningún rostro.",
        },
        "multiple_faces": {
            "en": "More than one face was found and the policy wants exactly one.",
            "de": "Mehr als ein Gesicht wurde gefunden, und es soll genau eines sein.",
            "zh": "找到多张人脸，而规则要求只有一张。",
            "es": "Se encontró más de un rostro y la política quiere exactamente uno.",
        },
        "face_too_small": {
            "en": "The face is smaller than the smallest that can be aligned.",
            "de": "Das Gesicht ist kleiner als das kleinste, das ausgerichtet werden kann.",
            "zh": "人脸小于可对齐的最小尺寸。",
            "es": "El rostro es menor que el más pequeño que se puede alinear.",
        },
        "truncated": {
            "en": "The file ends before the image does.",
            "de": "Die Datei endet vor dem Bild.",
            "zh": "文件在图像结束之前就结束了。",
            "es": "El archivo termina antes que la imagen.",
        },
        "corrupt": {
            "en": "The file is an image by its first bytes and cannot be decoded.",
            "de": "Die Datei beginnt wie ein Bild und kann nicht decodiert werden.",
            "zh": "文件开头像图像，但无法解码。",
            "es": "El archivo empieza como una imagen y no se puede descodificar.",
        },
        "empty_file": {
            "en": "The file has 0 bytes.",
            "de": "Die Datei hat 0 Byte.",
            "zh": "文件为 0 字节。",
            "es": "El archivo tiene 0 bytes.",
        },
        "unsupported_format": {
            "en": "The file is no image, or of a kind that is not read; fiqa doctor says which.",
            "de": "Die Datei ist kein Bild oder wird nicht gelesen, fiqa doctor sagt welche.",
            "zh": "文件不是图像，或属于无法读取的类型，fiqa doctor 会列出可读类型。",
            "es": "El archivo no es una imagen o es de un tipo que no se lee, véase fiqa doctor.",
        },
        "too_large": {
            "en": "The image has more pixels or bytes than the limit allows; nothing was decoded.",
            "de": "Das Bild hat mehr Pixel oder Byte als erlaubt, nichts wurde decodiert.",
            "zh": "图像的像素或字节超过上限，未进行解码。",
            "es": "La imagen tiene más píxeles o bytes de los permitidos, no se descodificó nada.",
        },
        "unreadable": {
            "en": "The file system refused: permission, a broken disk, not a regular file.",
            "de": "Das Dateisystem verweigert: Rechte, defekte Platte, keine normale Datei.",
            "zh": "文件系统拒绝读取：权限不足、磁盘损坏或不是普通文件。",
            "es": "El sistema de archivos se negó: permisos, disco dañado o archivo no regular.",
        },
        "not_found": {
            "en": "There is no file at that path (or no longer).",
            "de": "Unter diesem Pfad ist keine Datei (mehr).",
            "zh": "该路径下没有文件（或已不存在）。",
            "es": "No hay ningún archivo en esa ruta (o ya no).",
        },
        "changed": {
            "en": "The file is not the one whose sha256 the table names.",
            "de": "Die Datei ist nicht die, deren sha256 die Tabelle nennt.",
            "zh": "文件的 sha256 与表中记录的不同。",
            "es": "El archivo no es el del sha256 que indica la tabla.",
        },
        "wrong_size": {
            "en": "The image was given as an aligned crop and is not square or too small.",
            "de": "Das Bild soll ein Ausschnitt sein und ist nicht quadratisch oder zu klein.",
            "zh": "图像应为对齐后的裁剪，但不是正方形或太小。",
            "es": "La imagen se dio como recorte alineado y no es cuadrada o es muy pequeña.",
        },
        "invalid_embedding": {
            "en": "The recognizer's vector is NaN, infinite or of zero length.",
            "de": "Der Vektor der Erkennung ist NaN, unendlich oder hat die Länge null.",
            "zh": "识别器的向量为 NaN、无穷大或长度为零。",
            "es": "El vector del reconocedor es NaN, infinito o de longitud cero.",
        },
        "no_identity": {
            "en": "It is not known who is on the image.",
            "de": "Es ist nicht bekannt, wer auf dem Bild ist.",
            "zh": "不知道图像上是谁。",
            "es": "No se sabe quién aparece en la imagen.",
        },
        "no_embedding": {
            "en": "The recognizer's vectors have none of this id.",
            "de": "Unter den Vektoren der Erkennung ist keiner mit dieser id.",
            "zh": "识别器的向量中没有该 id。",
            "es": "Entre los vectores del reconocedor no hay ninguno con este id.",
        },
        "no_prior": {
            "en": "The prior quality has no number for this id.",
            "de": "Die vorherige Qualität hat keine Zahl für diese id.",
            "zh": "先前的质量表中没有该 id 的数值。",
            "es": "La calidad previa no tiene número para este id.",
        },
        "no_factors": {
            "en": "The table of factors has no number for this id.",
            "de": "Die Tabelle der Faktoren hat keine Zahl für diese id.",
            "zh": "因素表中没有该 id 的数值。",
            "es": "La tabla de factores no tiene número para este id.",
        },
        "no_mate": {
            "en": "The identity has no other image to compare with.",
            "de": "Von der Person gibt es kein anderes Bild zum Vergleichen.",
            "zh": "该身份没有其他可比较的图像。",
            "es": "La identidad no tiene otra imagen con que compararla.",
        },
        "no_center": {
            "en": "The class centers that were given have none of the identity.",
            "de": "Unter den gegebenen Klassenzentren ist keines der Person.",
            "zh": "所给的类中心中没有该身份。",
            "es": "Los centros de clase dados no tienen ninguno de la identidad.",
        },
        "no_template": {
            "en": "No template image is chosen for the identity.",
            "de": "Für die Person ist kein Vorlagenbild gewählt.",
            "zh": "尚未为该身份选择模板图像。",
            "es": "No se ha elegido imagen de plantilla para la identidad.",
        },
        "no_segment": {
            "en": "The table does not say which segment (track, clip) the image is of.",
            "de": "Die Tabelle sagt nicht, zu welchem Abschnitt (Spur, Clip) das Bild gehört.",
            "zh": "表中未说明图像属于哪个片段（轨迹、剪辑）。",
            "es": "La tabla no dice de qué segmento (pista, clip) es la imagen.",
        },
        "one_segment": {
            "en": "All templates of the identity are of the segment that the image is of.",
            "de": "Alle Vorlagen der Person sind aus dem Abschnitt, aus dem das Bild ist.",
            "zh": "该身份的所有模板都来自图像所在的片段。",
            "es": "Todas las plantillas de la identidad son del mismo segmento que la imagen.",
        },
        "timed_out": {
            "en": "The image took longer than the service allows.",
            "de": "Das Bild hat länger gebraucht, als der Dienst erlaubt.",
            "zh": "处理图像的时间超过了服务允许的上限。",
            "es": "La imagen tardó más de lo que permite el servicio.",
        },
        "not_kept": {
            "en": "A frame of a video whose crop was not kept: it is no best shot.",
            "de": "Ein Einzelbild ohne aufbewahrten Ausschnitt: Es ist keine beste Aufnahme.",
            "zh": "视频帧的裁剪未保留：不是最佳画面。",
            "es": "Un fotograma cuyo recorte no se guardó: no es una mejor toma.",
        },
        "failed": {
            "en": "The row failed for a reason that has no status of its own; the log has it.",
            "de": "Die Zeile scheiterte an etwas ohne eigenen Status, es steht im Protokoll.",
            "zh": "该行因没有专属状态的原因失败，详见日志。",
            "es": "La fila falló por una causa sin estado propio, está en el registro.",
        },
    }
)
"""Status -> language -> sentence, in the order in which tables list them."""


def meaning(status: str, language: str = "en") -> str:
    """Returns what a status means.

    Args:
        status: one of MEANINGS.
        language: one of fiqa.languages.LANGUAGES.

    >>> meaning("no_face", "es")
    'El detector no encontró ningún rostro.'
    """
    return MEANINGS[status][language]
