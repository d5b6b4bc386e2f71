"""How a method declares that it makes labels: its needs, its options, and its function.

A method that makes labels has `labeler() -> Labeler` in its module, as one that scores has
`scorer()`. The function gets a Job, the faces that have all it needs, and Work, which carries what
is long: the faces measured one by one, in parts that survive a kill.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from fiqa.errors import InputError
from fiqa.progress import Told
from fiqa.types import Faces, FloatArray, Manifest, MethodCard
from fiqa.vocabulary import STATUSES

if TYPE_CHECKING:  # listing the methods must stay light
    import polars as pl

    from fiqa.data.store import Parts

__all__ = ["STATUS", "Job", "Labeler", "Labels", "MeasureFaces", "Work", "needs_of", "options_of"]

STATUS = f"U{max(map(len, STATUSES))}"
"""The dtype of statuses."""


@dataclass(frozen=True, eq=False)
class Labels:
    """What a method made of the faces it was given, row by row.

    Attributes:
        value: (n,) floats, NaN without a label.
        status: why there is none, of all or (n,).
        columns: more of the table, arrays or polars series of n rows.
        about: what the run found, for the sidecar.
        range: of the values.
        extra: tables to write beside the labels, by suffix.
    """

    value: NDArray[np.floating[Any]]
    status: str | NDArray[np.str_] = "failed"
    columns: dict[str, Any] = field(default_factory=dict)
    about: dict[str, Any] = field(default_factory=dict)
    range: tuple[float, float] | None = None
    extra: dict[str, pl.DataFrame] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Job:
    """The faces that have everything a method needs: n rows. What it does not need is None.

    Attributes:
        ids: (n,) of the faces.
        identities: (n,) codes.
        names: of the identities.
        vectors: (n,D) unit rows, perhaps mapped or float16.
        norm: (n,) lengths of the vectors as the network gave them.
        priors: (n,K) qualities that were given, K >= 1.
        prior_names: (K,) of their methods, no two alike.
        faces: their manifest.
        centers: names (K,) and vectors (K,D) of class centers that were given.
    """

    ids: pl.Series
    identities: NDArray[np.int64]
    names: pl.Series
    vectors: NDArray[np.floating[Any]] | None
    norm: NDArray[np.float32] | None
    priors: NDArray[np.float64] | None
    faces: Manifest | None
    prior_names: tuple[str, ...] = ()
    centers: tuple[NDArray[np.str_], NDArray[np.float32]] | None = None

    def names_of_rows(self) -> NDArray[np.str_]:
        """Returns who is on each face, (n,) str."""
        return np.asarray(self.names.gather(self.identities).to_list(), np.str_)

    def needed_vectors(self) -> NDArray[np.floating[Any]]:
        """Returns the vectors.

        Raises:
            InputError: there are none.
        """
        if self.vectors is None:
            raise InputError("embeddings must be given.")
        return self.vectors

    def needed_prior(self) -> NDArray[np.float64]:
        """Returns the prior, (n,), the first where there are several.

        Raises:
            InputError: there is none.
        """
        if self.priors is None:
            raise InputError("a prior must be given.")
        return self.priors[:, 0]


class MeasureFaces(Protocol):
    """Numbers of faces, as an object that every process can load what it needs for."""

    @property
    def columns(self) -> int:
        """How many numbers a face has."""
        ...

    @property
    def parallel(self) -> bool:
        """Whether several processes may each have one."""
        ...

    @property
    def batch(self) -> int:
        """How many faces it likes at once."""
        ...

    def load(self) -> None:
        """Loads what is needed.

        Raises:
            FiqaError: that cannot be.
        """
        ...

    def __call__(self, faces: Faces) -> FloatArray:
        """Returns (N, columns) numbers, NaN where there is none."""
        ...


class Work(Protocol):
    """How the long parts of a method's work are done.

    Attributes:
        seed: of everything random.
        templates: "auto" or the path of a table, for the one method that takes them.
        progress: told (stage, done, total).
    """

    @property
    def seed(self) -> int:
        """The seed of everything random."""
        ...

    @property
    def templates(self) -> str:
        """Where the templates come from."""
        ...

    @property
    def progress(self) -> Told:
        """What is told (stage, done, total)."""
        ...

    def parts(self, name: str, suffix: str = ".npz") -> Parts | None:
        """Returns the finished parts of a stage, None where nothing is kept."""
        ...

    def per_face(
        self, job: Job, measure: MeasureFaces, name: str
    ) -> tuple[FloatArray, NDArray[np.str_]]:
        """Returns (n, columns) numbers of the job's faces, and (n,) statuses."""
        ...

    @property
    def apart(self) -> bool:
        """Whether what falls into partitions is to be given to an engine."""
        ...

    def mapped(
        self, function: Callable[[Sequence[Any]], Sequence[Any]], items: Iterable[Any]
    ) -> Iterator[Any]:
        """Yields the function's result for each item, in order, from the engine.

        Raises:
            WorkerError: an item ended its process again and again.
        """
        ...

    def scratch(self, name: str) -> AbstractContextManager[Path]:
        """Returns a folder for the length of a block, which the machines of the engine see."""
        ...


@dataclass(frozen=True)
class Labeler:
    """A method as a labeler.

    Attributes:
        run: (job, options, work) -> Labels.
        options: name -> default of what `--set` may change.
        needs: which inputs it needs: crops, embeddings, identities, prior.
        centers: whether it takes class centers.
        priors: whether it takes several priors at once.
        partitions: whether its work on vectors falls into partitions, which an engine may do.
        prepare: turns checked options into those that are recorded and run with (reads files that
            they name).
    """

    run: Callable[[Job, dict[str, Any], Work], Labels]
    options: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()
    centers: bool = False
    priors: bool = False
    prepare: Callable[[dict[str, Any]], dict[str, Any]] = dict
    partitions: bool = False


def needs_of(card: MethodCard) -> tuple[str, ...]:
    """Returns the inputs that a card says its label needs; templates are never needed."""
    return tuple(name for name in card.needs if name != "templates")


_INPUTS = frozenset(
    (
        "embeddings",
        "identities",
        "prior",
        "crops",
        "factors",
        "faces",
        "seed",
        "templates",
        "centers",
    )
)
"""The vocabulary of inputs; what else a function takes by keyword is an option."""


def options_of(*functions: Callable[..., Any]) -> dict[str, Any]:
    """Returns name -> default of every option of the functions.

    Options are keyword-only parameters that have a default and are no inputs.

    >>> def label(embeddings, *, theta=0.5, seed=0): ...
    >>> options_of(label)
    {'theta': 0.5}
    """
    return {
        name: parameter.default
        for function in functions
        for name, parameter in inspect.signature(function).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
        and name not in _INPUTS
        and parameter.default is not parameter.empty
    }
