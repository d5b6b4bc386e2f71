"""The service gives the numbers of the table for real photographs, asked by many at once."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

import fiqa


@pytest.mark.slow
def test_the_numbers_are_those_of_the_table_whoever_else_asks(data: Path) -> None:
    from starlette.testclient import TestClient

    from fiqa.service.app import build
    from fiqa.service.settings import ServiceSettings

    weights = str(data / "models" / "yunet.onnx")
    paths = sorted((data / "photos").glob("*.jpg"))[:24]
    how = {"detector": "yunet", "weights": weights}
    table = fiqa.score(paths, explain=True, workers=1, **how)
    settings = ServiceSettings(**how, wait=0.2, workers=1)
    with TestClient(build(settings), base_url="http://localhost") as client:
        end = time.monotonic() + 120
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)

        def ask(path: Path) -> dict:
            header = {"content-type": "image/jpeg"}
            body = path.read_bytes()
            told = client.post("/v1/score?explain=true", content=body, headers=header).json()
            return told["images"][0]

        with ThreadPoolExecutor(8) as threads:
            told = list(threads.map(ask, paths))
    rows = table.to_dicts()
    assert [row["status"] for row in rows] == [image["status"] for image in told]
    assert sum(row["status"] == "ok" for row in rows) > 20
    for row, image in zip(rows, told, strict=True):
        face = image["faces"][0]
        # another batch may add the same numbers in another order
        assert face["raw"] == pytest.approx(row["raw"], abs=1e-5)
        assert abs(face["uqs"] - row["uqs"]) <= 1
        assert face["reasons"] == row["reasons"]
        assert face["box"] == row["bbox"]
        assert ";".join(image["notes"]) == (row["notes"] or "")
