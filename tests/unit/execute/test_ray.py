"""The Ray engine: the results of the local one, and survival of what kills an actor."""

from __future__ import annotations

import os

import pytest

from fiqa.errors import InputError, UnknownNameError
from fiqa.execute.engines import engine
from fiqa.execute.local import map_batches

FUNCTIONS = """
import os, time
from pathlib import Path
from fiqa.errors import UnknownNameError

def square(items):
    return [(i * i, len(items)) for i in items]

def deadly(items):
    for i in items:
        if i in (5, 17, 18):
            os._exit(9)
    return [10 * i for i in items]

class Once:
    '''Ends its process the first time that item 7 comes.'''
    def __init__(self, mark):
        self.mark = mark
    def __call__(self, items):
        if 7 in items and not os.path.exists(self.mark):
            Path(self.mark).touch()
            os._exit(9)
        return [(i, len(items)) for i in items]

def unknown(items):
    if items:
        raise UnknownNameError("color", "rde", ["red", "blue"])
    return []
"""


def test_an_engine_is_chosen_by_name_and_only_ray_has_an_address():
    assert engine("local") is map_batches
    with pytest.raises(UnknownNameError, match="ray"):
        engine("rya")
    with pytest.raises(InputError, match="gpus is for"):
        engine("local", gpus=1)
    with pytest.raises(InputError, match="--engine ray"):
        engine("local", "auto")


@pytest.fixture(scope="module")
def functions(tmp_path_factory):
    """A module of functions that this process and the actors of a cluster can import."""
    ray = pytest.importorskip("ray", reason="ray is not installed")
    folder = tmp_path_factory.mktemp("functions")
    (folder / "ray_functions.py").write_text(FUNCTIONS)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        patch.setenv("PYTHONPATH", os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")]))
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        ray.init("local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        import ray_functions

        yield ray_functions
        ray.shutdown()


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_gives_what_the_local_engine_gives_and_survives_its_actors(functions, tmp_path):
    run = engine("ray")
    died = {"died": lambda item: -item}
    local = list(map_batches(functions.square, range(50), workers=1, batch=4, **died))
    assert list(run(functions.square, range(50), batch=4, window=3, **died)) == local

    # an actor that is lost: the same batches, nothing lost
    once = functions.Once(str(tmp_path / "mark"))
    made = list(run(once, range(20), batch=4, **died))
    assert made == [(i, 4) for i in range(20)]
    assert (tmp_path / "mark").exists()

    # an item that ends every process: its own row, and no other
    made = list(run(functions.deadly, range(30), batch=4, **died))
    assert made == [-i if i in (5, 17, 18) else 10 * i for i in range(30)]

    with pytest.raises(UnknownNameError, match="rde"):
        list(run(functions.unknown, range(3), **died))
    assert list(run(functions.square, [], **died)) == []


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::ResourceWarning")
def test_ray_reads_no_further_ahead_than_the_window(functions):
    read = []

    def numbers():
        for number in range(1000):
            read.append(number)
            yield number

    made = engine("ray")(functions.square, numbers(), batch=2, window=3, died=lambda i: i)
    assert next(made) == (0, 2)
    assert len(read) <= 2 * 3
    made.close()
