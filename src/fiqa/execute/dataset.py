"""The rows of shards: a folder of Parquet files, one per shard, on a disk or in an object store.

    scores/_run.json                      what decides the rows; whoever is first writes it
    scores/train-00-1f0c92ab.parquet      the rows of a shard: its name, and a mark of its path
    scores/_done/train-00-1f0c92ab.json   the ledger: a file per finished shard, after its rows

Whoever runs the same work over the same shards writes the same bytes, so two drivers at once do
no harm; whoever runs other work is refused by `_run.json`. A rerun does the shards that the ledger
does not have, and those that a store refused to read.
"""

from __future__ import annotations

import io
import json
import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from fiqa.data.images import Limits
from fiqa.data.reading import reading
from fiqa.data.remote import Place, is_remote
from fiqa.data.shards import members, shards_of, state_of
from fiqa.data.store import fingerprint, hash_rows
from fiqa.errors import InputError, ReadError
from fiqa.execute.engines import engine as chosen_engine
from fiqa.execute.summary import Summary
from fiqa.faces.crops import Source
from fiqa.functional.display import failure_line
from fiqa.progress import Progress, counted, teller
from fiqa.types import PathLike

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Shard", "ShardWork", "for_shards", "is_dataset", "of_shards", "write_dataset"]

_OURS = re.compile(r"-[0-9a-f]{8}\.parquet$|/_done/[^/]*\.json$|/_run\.json$")
Row = dict[str, Any]


def is_dataset(out: object) -> bool:
    """Tells whether an output is a folder of parts: it ends with `/`, or is in a store.

    Args:
        out: as a verb was given it.

    >>> is_dataset("scores/"), is_dataset("s3://bucket/scores"), is_dataset("scores.parquet")
    (True, True, False)
    """
    return isinstance(out, str) and (out.endswith("/") or is_remote(out))


def of_shards(paths: object, out: object, engine: str) -> bool:
    """Tells whether a verb whose output is a folder in any case is about shards: one of its inputs
    is a .tar or in a store, the output is in a store, or the engine is not this machine.

    Args:
        paths: as the verb was given them.
        out: as it was given.
        engine: as it was given.

    >>> of_shards(["a.tar"], "crops", "local"), of_shards("photos/", "crops/", "local")
    (True, False)
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else paths
    listed = given if isinstance(given, list | tuple) else []
    return (
        engine != "local"
        or is_remote(out)
        or any(is_remote(path) or str(path).lower().endswith(".tar") for path in listed)
    )


def for_shards(
    engine: str, address: str | None, workers: int | None = None, gpus: float = 0
) -> None:
    """Refuses what only shards have, where the output is one file.

    Args:
        engine: as a verb was given it.
        address: as it was given.
        workers: as they were given.
        gpus: as they were given.

    Raises:
        InputError: one of them is given.
    """
    if engine != "local" or address is not None or workers is not None or gpus:
        raise InputError(
            f"engine, address, gpus and workers are for shards, got {engine!r}, {address!r},"
            f" {gpus:g} and {workers!r} with an output that is no folder of parts.",
            hint="the output of shards ends with / or is in a store",
        )


@dataclass(frozen=True)
class Shard:
    """A file of images and the part that its rows become.

    Attributes:
        path: of the shard.
        part: name of its part, without suffix.
        key: fingerprint of what decides the rows, the state of the shard included.
    """

    path: str
    part: str
    key: str

    def sources(self, limits: Limits) -> Iterator[Source]:
        """Yields its images.

        Args:
            limits: what an image may cost.

        Raises:
            ReadError: the disk or the store refused.
        """
        for member in members(self.path, limits):
            path = f"{self.path.rstrip('/')}/{member.name}" if member.name else self.path
            yield Source(path, path, status=member.status, content=member.content)


@dataclass(frozen=True)
class _Entry:
    """What the ledger says of a shard: its key, statuses, the first row that failed, and whether a
    store refused to read it."""

    key: str
    statuses: dict[str, int]
    first: list[str] = field(default_factory=list)
    refused: bool = False


class ShardWork(Protocol):
    """What becomes of the images of shards; it travels to other processes and loads there.

    Attributes:
        limits: what an image may cost.
        batch: images that are given at once.
    """

    @property
    def limits(self) -> Limits:
        """Returns the limits of reading."""
        ...

    @property
    def batch(self) -> int:
        """Returns how many images are taken at once."""
        ...

    def __call__(self, sources: Sequence[Source], /) -> list[list[Row]]:
        """Returns the rows of each image; given none, it loads."""
        ...

    def blank(self, source: Source, status: str) -> Row:
        """Returns the row of an image that gave nothing, with the reason as its status."""
        ...

    def frame(self, rows: Sequence[Row]) -> pl.DataFrame:
        """Returns rows as the table of a part."""
        ...

    def record(self) -> dict[str, Any]:
        """Returns what decides the rows, but for the shards."""
        ...

    def about(self) -> dict[str, Any]:
        """Returns what a reader of the rows must know."""
        ...

    def single(self) -> Self:
        """Returns the same work on one thread, where siblings keep the other cores busy."""
        ...


@dataclass(frozen=True)
class _Process:
    """What a process does with a shard: its rows, its part, its line in the ledger.

    Attributes:
        how: the images become rows.
        out: the folder.
    """

    how: ShardWork
    out: str

    def __call__(self, shards: Sequence[Shard]) -> list[_Entry | None]:
        self.how([])
        return [self.done(shard, self._rows) for shard in shards]

    def done(self, shard: Shard, rows: Callable[[Shard], Iterator[list[Row]]]) -> _Entry:
        """Writes the part of a shard and its entry, and returns the entry."""
        made: list[Row] = []
        refused = ""
        try:
            for image in rows(shard):
                made += image
        except ReadError as error:
            refused = error.status
            made = [self.how.blank(Source(shard.path, shard.path), error.status)]
        statuses = Counter(row["status"] for row in made)
        first = next(([r["path"], r["status"]] for r in made if r["status"] != "ok"), [])
        entry = _Entry(shard.key, dict(sorted(statuses.items())), first, bool(refused))
        buffer = io.BytesIO()
        self.how.frame(made).write_parquet(buffer)
        folder = Place(self.out)
        (folder / f"{shard.part}.parquet").write(buffer.getvalue())
        _ledger(folder, shard).write(_plain(asdict(entry)))
        return entry

    def _rows(self, shard: Shard) -> Iterator[list[Row]]:
        batch: list[Source] = []
        for source in shard.sources(self.how.limits):
            batch.append(source)
            if len(batch) == self.how.batch:
                yield from self.how(batch)
                batch = []
        if batch:
            yield from self.how(batch)


def write_dataset(
    paths: PathLike | Sequence[PathLike],
    how: ShardWork,
    out: str,
    *,
    engine: str = "local",
    address: str | None = None,
    gpus: float = 0,
    workers: int | None = None,
    force: bool = False,
    progress: Progress = False,
) -> Summary:
    """Writes the rows of shards to a folder of parts, and returns what became of them.

    A shard that ends its process again and again is done image by image, each in a process that
    may end; the image that ends it is a row `failed`.

    Args:
        paths: shards, folders of shards, or addresses of these.
        how: the images become rows.
        out: the folder.
        engine: one of fiqa.execute.engines.ENGINES.
        address: of the Ray cluster.
        gpus: of each actor of Ray.
        workers: processes or actors, None one per processor.
        force: do all again, whatever is there.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        InputError: no shards, or the folder holds the rows of other work.
        ReadError, WriteError: a store or disk refused.
    """
    run = chosen_engine(engine, address, gpus)
    folder, record = Place(out), how.record()
    shards = _named(shards_of(paths), fingerprint(record))
    if inside := [shard.path for shard in shards if shard.path.startswith(f"{folder.name}/")]:
        raise InputError(f"The output must not hold the shards, {inside[0]!r} is in it.")
    _claim(folder, record, how, force)
    entries = {} if force else _finished(folder, shards)
    missing = [shard for shard in shards if shard.part not in entries]
    current = not missing
    if missing:
        told = counted(
            _made(missing, how, folder, run, workers, alone=engine == "local"),
            teller(progress),
            "shards",
            len(shards),
            done=len(entries),
        )
        entries |= {shard.part: entry for shard, entry in zip(missing, told, strict=True)}
    statuses: Counter[str] = Counter()
    first: list[str] = []
    for shard in shards:
        statuses.update(entries[shard.part].statuses)
        first = first or entries[shard.part].first
    line = failure_line(first[:1], first[1:]) if first else ""
    return Summary(dict(statuses), current, line)


def _made(
    shards: Sequence[Shard],
    how: ShardWork,
    folder: Place,
    run: Callable[..., Any],
    workers: int | None,
    *,
    alone: bool,
) -> Iterator[_Entry]:
    """Yields the entry of each shard, done by an engine; a shard that ends its process, and a
    single one on this machine, image by image."""
    if not alone:
        how = how.single()
    work = _Process(how, folder.name)

    def died(source: Source) -> list[Row]:
        return [how.blank(source, "failed")]

    def rows(shard: Shard) -> Iterator[list[Row]]:
        sources = shard.sources(how.limits)
        yield from run(how, sources, died=died, workers=workers, batch=how.batch, apart=True)

    if alone and len(shards) == 1:
        yield work.done(shards[0], rows)
        return
    made = run(work, shards, died=_none, workers=workers, batch=1)
    for shard, entry in zip(shards, made, strict=True):
        yield entry or work.done(shard, rows)


def _none(_: Shard) -> None:
    return None


def _plain(content: Any) -> bytes:
    return (json.dumps(content, indent=1, sort_keys=True) + "\n").encode("ascii")


def _ledger(folder: Place, shard: Shard) -> Place:
    return folder / "_done" / f"{shard.part}.json"


def _named(shards: Sequence[str], key: str) -> list[Shard]:
    """The shards with their parts, whose names do not depend on the other shards."""
    named = []
    for path in shards:
        # a folder of images is named by itself, a file by its name without suffix
        name = f"{path[:-1]}." if path.endswith("/") else path
        stem = re.sub(r"[^A-Za-z0-9._-]", "_", name.rpartition("/")[2]).rpartition(".")[0]
        mark = fingerprint({"run": key, "shard": path, "state": state_of(path)})
        named.append(Shard(path, f"{stem[:120]}-{hash_rows([path])[:8]}", mark))
    return named


def _claim(folder: Place, record: dict[str, Any], how: ShardWork, force: bool) -> None:
    """Makes the folder one of this work. Raises InputError where it is one of other work."""
    mark = folder / "_run.json"
    # through JSON, so that tuples are lists in both
    plain = json.loads(json.dumps(record))
    content = {**plain, **how.about(), "fingerprint": fingerprint(record)}
    if force and mark.exists():
        for name in folder.files():
            if _OURS.search(name):
                Place(name).remove()
    elif not mark.exists() and folder.files():
        raise InputError(
            f"{folder.name!r} must be empty or hold rows of shards; it holds other files.",
            hint="name a folder that does not exist yet",
        )
    if mark.create(_plain(content)):
        return
    with reading(str(mark)):
        there = dict(json.loads(mark.read()))
    if there.get("fingerprint") != content["fingerprint"]:
        differs = sorted(
            key for key in ("arguments", "inputs", "versions") if there.get(key) != content[key]
        )
        raise InputError(
            f"{folder.name!r} must be empty or hold the rows of the same work; it holds those of"
            f" other {' and '.join(differs) or 'work'}.",
            hint="choose another folder, or --force removes what is there",
        )


def _finished(folder: Place, shards: Sequence[Shard]) -> dict[str, _Entry]:
    """The entries of the ledger that still hold: same work, same shard, part there, not refused."""
    there = {name.rpartition("/")[2] for name in folder.files()}
    found = {}
    for shard in shards:
        if not {f"{shard.part}.json", f"{shard.part}.parquet"} <= there:
            continue
        with reading(str(_ledger(folder, shard))):
            entry = _Entry(**json.loads(_ledger(folder, shard).read()))
        if entry.key == shard.key and not entry.refused:
            found[shard.part] = entry
    return found
