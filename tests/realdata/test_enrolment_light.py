"""Enrolled at noon, locked out at night: simulated on faces under known lights."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

RECIPE = Path(__file__).resolve().parents[2] / "recipes" / "enrolment_light.py"


@pytest.mark.slow
def test_one_light_in_a_template_costs_the_other(data: Path) -> None:
    done = subprocess.run(
        [sys.executable, str(RECIPE), str(data)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    told = re.findall(r"missed ([\d.]+)% at noon, ([\d.]+)% at night", done.stdout)
    noon, mixed = [tuple(map(float, line)) for line in told]
    assert noon[0] < 1, "who is enrolled at noon is known at noon"
    assert noon[1] > 40, "and locked out at night"
    assert mixed[0] < 1
    assert noon[1] - mixed[1] > 10, "one drive at night helps"
