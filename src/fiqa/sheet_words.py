"""What stands on a contact sheet besides the reasons and the statuses, in each language.

One table: a name and its words in every language stand together; `{}` is where a value goes.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

__all__ = ["SHEET_PHRASES"]

SHEET_PHRASES: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "sheet": {
            "en": "Face quality",
            "de": "Gesichtsqualität",
            "zh": "人脸质量",
            "es": "Calidad del rostro",
        },
        "row": {
            "en": "{} row, {} scored 0..100",
            "de": "{} Zeile, {} mit Note 0..100",
            "zh": "{} 行，{} 行有 0..100 分",
            "es": "{} fila, {} con nota 0..100",
        },
        "rows": {
            "en": "{} rows, {} scored 0..100",
            "de": "{} Zeilen, {} mit Note 0..100",
            "zh": "{} 行，{} 行有 0..100 分",
            "es": "{} filas, {} con nota 0..100",
        },
        "by": {
            "en": " by {}",
            "de": " von {}",
            "zh": "，方法 {}",
            "es": " por {}",
        },
        "faces_found_by": {
            "en": "faces found by {}",
            "de": "Gesichter gefunden von {}",
            "zh": "人脸由 {} 检测",
            "es": "rostros encontrados por {}",
        },
        "median": {
            "en": "median {}",
            "de": "mittlere Note {}",
            "zh": "中位数 {}",
            "es": "nota mediana {}",
        },
        "best_left_out": {
            "en": "{} left out of this page, the best ones",
            "de": "{} nicht auf dieser Seite, die besten",
            "zh": "{} 行未列出，为最好者",
            "es": "{} fuera de esta página, las mejores",
        },
        "last_left_out": {
            "en": "{} left out of this page, the last ones",
            "de": "{} nicht auf dieser Seite, die letzten",
            "zh": "{} 行未列出，为最后者",
            "es": "{} fuera de esta página, las últimas",
        },
        "stop": {
            "en": ". ",
            "de": ". ",
            "zh": "。",
            "es": ". ",
        },
        "face_of": {
            "en": "{}, face {}",
            "de": "{}, Gesicht {}",
            "zh": "{}，第 {} 张脸",
            "es": "{}, rostro {}",
        },
        "no_crop": {
            "en": "no face to show",
            "de": "kein Gesicht zu zeigen",
            "zh": "无人脸可显示",
            "es": "ningún rostro que mostrar",
        },
        "open": {
            "en": "Open {}",
            "de": "{} öffnen",
            "zh": "打开 {}",
            "es": "Abrir {}",
        },
        "turned": {
            "en": "turned by {} degrees",
            "de": "um {} Grad gedreht",
            "zh": "已旋转 {} 度",
            "es": "girada {} grados",
        },
        "found_by": {
            "en": "found by {}",
            "de": "gefunden von {}",
            "zh": "由 {} 检测",
            "es": "encontrada por {}",
        },
        "note": {
            "en": "{}: {}",
            "de": "{}: {}",
            "zh": "{}：{}",
            "es": "{}: {}",
        },
        "profile_converted": {
            "en": "profile converted",
            "de": "Farbprofil umgerechnet",
            "zh": "已转换色彩配置",
            "es": "perfil de color convertido",
        },
        "profile_ignored": {
            "en": "profile ignored",
            "de": "Farbprofil nicht beachtet",
            "zh": "已忽略色彩配置",
            "es": "perfil de color ignorado",
        },
        "samples_narrow": {
            "en": "samples narrow",
            "de": "Werte mit wenigen Bits",
            "zh": "采样位数少",
            "es": "muestras de pocos bits",
        },
        "samples_clipped": {
            "en": "samples clipped",
            "de": "Werte abgeschnitten",
            "zh": "采样值被截断",
            "es": "muestras recortadas",
        },
        "samples_scaled": {
            "en": "samples scaled",
            "de": "Werte skaliert",
            "zh": "采样值已缩放",
            "es": "muestras escaladas",
        },
        "samples_missing": {
            "en": "samples missing",
            "de": "Werte fehlen",
            "zh": "采样值缺失",
            "es": "faltan muestras",
        },
        "samples_stretched": {
            "en": "samples stretched",
            "de": "Werte gestreckt",
            "zh": "采样值已拉伸",
            "es": "muestras estiradas",
        },
        "resized": {
            "en": "resized",
            "de": "Größe geändert",
            "zh": "已调整尺寸",
            "es": "tamaño cambiado",
        },
        "points_seen": {
            "en": "pose from points seen in the crop",
            "de": "Kopfhaltung aus Punkten, die im Ausschnitt gesehen wurden",
            "zh": "姿态由裁剪图中看到的关键点得出",
            "es": "pose según puntos vistos en el recorte",
        },
        "points_none": {
            "en": "pose unknown",
            "de": "Kopfhaltung unbekannt",
            "zh": "姿态未知",
            "es": "pose desconocida",
        },
        "looks_turned": {
            "en": "looks turned",
            "de": "sieht gedreht aus",
            "zh": "看似被旋转",
            "es": "parece girada",
        },
        "tools": {
            "en": "Sort and filter",
            "de": "Sortieren und filtern",
            "zh": "排序与筛选",
            "es": "Ordenar y filtrar",
        },
        "search": {
            "en": "Search names",
            "de": "Namen suchen",
            "zh": "搜索名称",
            "es": "Buscar nombres",
        },
        "level": {
            "en": "Level",
            "de": "Stufe",
            "zh": "等级",
            "es": "Nivel",
        },
        "all": {
            "en": "all",
            "de": "alle",
            "zh": "全部",
            "es": "todos",
        },
        "reason": {
            "en": "Reason",
            "de": "Grund",
            "zh": "原因",
            "es": "Motivo",
        },
        "any": {
            "en": "any",
            "de": "beliebig",
            "zh": "任意",
            "es": "cualquiera",
        },
        "order": {
            "en": "Order",
            "de": "Reihenfolge",
            "zh": "顺序",
            "es": "Orden",
        },
        "given": {
            "en": "as given",
            "de": "wie gegeben",
            "zh": "原顺序",
            "es": "según se dieron",
        },
        "worst": {
            "en": "lowest first",
            "de": "niedrigste zuerst",
            "zh": "最低在前",
            "es": "primero las más bajas",
        },
        "best": {
            "en": "highest first",
            "de": "höchste zuerst",
            "zh": "最高在前",
            "es": "primero las más altas",
        },
        "name": {
            "en": "by name",
            "de": "nach Namen",
            "zh": "按名称",
            "es": "por nombre",
        },
        "groups": {
            "en": "Groups",
            "de": "Gruppen",
            "zh": "分组",
            "es": "Grupos",
        },
        "none": {
            "en": "none",
            "de": "keine",
            "zh": "无",
            "es": "ninguno",
        },
        "each_person": {
            "en": "by person",
            "de": "nach Personen",
            "zh": "按人",
            "es": "por persona",
        },
        "each_folder": {
            "en": "by folder",
            "de": "nach Ordnern",
            "zh": "按文件夹",
            "es": "por carpeta",
        },
        "ends_person": {
            "en": "worst and best of each person",
            "de": "das schlechteste und beste je Person",
            "zh": "每人最差与最好",
            "es": "la peor y la mejor de cada persona",
        },
        "ends_folder": {
            "en": "worst and best of each folder",
            "de": "das schlechteste und beste je Ordner",
            "zh": "每个文件夹最差与最好",
            "es": "la peor y la mejor de cada carpeta",
        },
        "back": {
            "en": "Back",
            "de": "Zurück",
            "zh": "上一页",
            "es": "Atrás",
        },
        "next": {
            "en": "Next",
            "de": "Weiter",
            "zh": "下一页",
            "es": "Siguiente",
        },
        "shown": {
            "en": "{} to {} of {} shown",
            "de": "{} bis {} von {} zu sehen",
            "zh": "显示第 {} 至 {}，共 {}",
            "es": "{} a {} de {} a la vista",
        },
        "none_fits": {
            "en": "No face fits these choices",
            "de": "Kein Gesicht passt zu dieser Auswahl",
            "zh": "没有符合条件的人脸",
            "es": "Ningún rostro cumple estas condiciones",
        },
        "bin": {
            "en": "{} to {}: {}",
            "de": "{} bis {}: {}",
            "zh": "{} 至 {}：{}",
            "es": "{} a {}: {}",
        },
        "histogram": {
            "en": "Histogram of the scores: a tenth below {}, half below {}, a tenth over {}",
            "de": "Noten: ein Zehntel unter {}, die Hälfte unter {}, ein Zehntel über {}",
            "zh": "分数：十分之一低于 {}，一半低于 {}，十分之一高于 {}",
            "es": "Notas: un décimo bajo {}, la mitad bajo {}, un décimo sobre {}",
        },
    }
)
"""Labels and headings of a contact sheet, notes on how a picture was read, and how many of what."""
