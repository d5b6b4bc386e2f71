"""The latency of a model: with the threads that were asked for, warm calls left out, in
milliseconds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from fiqa.errors import InputError
from fiqa.runtime import latency as module
from fiqa.runtime.latency import latency


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_session_has_the_threads_that_were_asked_for(
    tiny_quality: Callable[..., Path], monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    opened: list[Any] = []
    real = module.open_session

    def watched(*given: Any, **named: Any) -> Any:
        opened.append(real(*given, **named))
        return opened[-1]

    monkeypatch.setattr(module, "open_session", watched)
    found = latency(tiny_quality().read_bytes(), size=112, threads=threads, runs=2)
    (session,) = opened
    assert session.get_session_options().intra_op_num_threads == threads
    assert (found.threads, found.size, found.runs) == (threads, 112, 2)


def test_the_numbers_are_those_of_the_calls_after_the_warm_ones(
    tiny_quality: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the clock that is read, three warm calls of a minute, then 1, 2, ... 20 ms."""
    took = [60.0] * 3 + [ms / 1000 for ms in range(1, 21)]
    ends = np.cumsum(took)
    ticks = iter(np.stack([ends - took, ends], axis=1).ravel().tolist())
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(ticks)))
    found = latency(tiny_quality().read_bytes(), size=112, threads=1, runs=20)
    assert found.p50 == pytest.approx(10.5)
    assert found.p95 == pytest.approx(19.05)


def test_no_run_is_refused(tiny_quality: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match="runs"):
        latency(tiny_quality().read_bytes(), size=112, threads=1, runs=0)
