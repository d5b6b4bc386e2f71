"""Writes the description of the service that tests/unit/service/test_app.py pins.

Usage: python tests/golden/write_openapi.py
"""

from __future__ import annotations

import json
from pathlib import Path

from fiqa.service.app import application
from fiqa.service.engine import Engine
from fiqa.service.metrics import Metrics
from fiqa.service.settings import ServiceSettings

if __name__ == "__main__":
    settings = ServiceSettings(detector="none", recognizer="recognizer.onnx")
    engine = Engine(settings)
    told = application(settings, engine, Metrics(engine)).openapi()
    text = json.dumps(told, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    Path(__file__).with_name("openapi.json").write_text(text, encoding="utf-8")
