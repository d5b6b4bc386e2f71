"""The table of speed: percentiles of calls in turns, by the clock that is given."""

from __future__ import annotations

from itertools import count

import numpy as np
import pytest

from fiqa.deployment.speed import in_turns, peak_memory
from fiqa.errors import InputError


def test_calls_take_turns_and_warm_ones_do_not_count():
    order: list[str] = []
    ticks = count()
    took = iter([50.0] * 6 + [v for k in range(1, 101) for v in (k / 1000, 2 * k / 1000)])
    now = [0.0]

    def clock() -> float:
        if next(ticks) % 2:
            now[0] += next(took)
        return now[0]

    found = in_turns({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 100,
                     clock=clock)  # fmt: skip
    assert order == ["a", "b"] * 103
    wanted = np.percentile(np.arange(1, 101), (50, 95, 99))
    np.testing.assert_allclose(found["a"], wanted, rtol=1e-6)
    np.testing.assert_allclose(found["b"], 2 * wanted, rtol=1e-6)
    with pytest.raises(InputError, match="runs"):
        in_turns({}, 0)


def test_memory_is_that_of_a_process_that_runs_the_model(small_model, tmp_path):
    shape = (1, 3, 112, 112)
    found = peak_memory("onnx", small_model(), ["factors", "quality"], shape)
    assert found is None or 5 < found < 500
    assert peak_memory("onnx", tmp_path / "none.onnx", ["q"], shape) is None
