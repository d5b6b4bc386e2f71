"""Ray over nodes that come and go: what a lost node had is done elsewhere, and a node that comes is
given work."""

from __future__ import annotations

import os
import threading
import time

import pytest

from fiqa.execute.engines import engine
from fiqa.execute.ray import _Crew

FUNCTIONS = """
import os, time

def slow(items):
    if items:
        time.sleep(0.3)
    return [(i * i, os.getpid()) for i in items]

def visible(items):
    if items:
        time.sleep(0.3)
    return [(os.environ["CUDA_VISIBLE_DEVICES"], os.getpid()) for _ in items]
"""


class Run(threading.Thread):
    """A run in a thread of its own, so that nodes can come and go beside it."""

    def __init__(self, function, items, gpus=0.0):
        super().__init__(daemon=True)
        self._function, self._items, self._gpus = function, items, gpus
        self.made: list[tuple[int, int]] = []
        self.error: BaseException | None = None

    def run(self):
        try:
            for result in engine("ray", gpus=self._gpus)(
                self._function, self._items, batch=1, died=lambda item: (-item, 0)
            ):
                self.made.append(result)
        except BaseException as error:  # noqa: BLE001 - handed to the test
            self.error = error

    def until(self, told, seconds=120.0):
        """Waits until something holds; fails where it does not come to hold."""
        end = time.monotonic() + seconds
        while not told():
            if self.error is not None:
                raise self.error
            assert time.monotonic() < end, f"{len(self.made)} results after {seconds} s"
            time.sleep(0.05)

    @property
    def processes(self):
        return {process for _, process in self.made}


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """A cluster whose head runs no actor, and a module of functions that its nodes can import."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    from ray.cluster_utils import Cluster

    (tmp_path / "ray_slow.py").write_text(FUNCTIONS)
    monkeypatch.syspath_prepend(tmp_path)
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    ray.init(address=made.address, log_to_driver=False)
    try:
        yield made
    finally:
        ray.shutdown()
        made.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_a_node_that_is_lost_loses_nothing_and_one_that_comes_is_given_work(cluster, monkeypatch):
    import ray_slow

    lost = []
    plain = _Crew._lost

    def noted(crew, work, gone):
        lost.append(work.number)
        return plain(crew, work, gone)

    monkeypatch.setattr(_Crew, "_lost", noted)

    run = Run(ray_slow.slow, range(120))
    run.start()
    # the head has no processor: nothing is done until a node comes
    time.sleep(2)
    assert run.made == []
    first = cluster.add_node(num_cpus=1)
    run.until(lambda: run.made)
    assert len(run.processes) == 1
    cluster.add_node(num_cpus=1)
    run.until(lambda: len(run.processes) == 2)
    # with what it was doing
    cluster.remove_node(first, allow_graceful=False)
    run.until(lambda: not run.is_alive())
    assert [square for square, _ in run.made] == [i * i for i in range(120)]
    # the node had work, and it was that which was done again
    assert lost


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_actors_with_gpus_are_as_many_as_there_are_gpus_for_them(cluster):
    import ray_slow

    # two GPUs in name: what matters is what Ray hands out
    cluster.add_node(num_cpus=4, num_gpus=2)
    run = Run(ray_slow.visible, range(24), gpus=0.5)
    run.start()
    run.until(lambda: not run.is_alive())
    assert len(run.processes) == 4
    assert {seen for seen, _ in run.made} == {"0", "1"}
