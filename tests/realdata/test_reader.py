"""FaceReader on photographs: the numbers of the table to the bit, from four threads at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fiqa


def test_sixty_photographs_have_the_numbers_of_the_table(data: Path) -> None:
    weights = str(data / "models" / "yunet.onnx")
    files = sorted(map(str, (data / "photos").glob("*.jpg")))[:60]
    table = fiqa.score(files, detector="yunet", weights=weights, explain=True, workers=1)
    reader = fiqa.FaceReader(detector="yunet", weights=weights)

    def numbers(file: str) -> tuple[object, ...]:
        (face,) = reader.read(Path(file).read_bytes(), strict=False)
        box = None if face.box is None else face.box.tolist()
        return face.raw, face.uqs, list(face.reasons), dict(face.factors or {}), box

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(numbers, files))
    assert len(found) == 60
    assert found == table.select("raw", "uqs", "reasons", "factors", "bbox").rows()
