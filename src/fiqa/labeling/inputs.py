"""What `label` works on: the faces, who is on them, their vectors and prior qualities, joined by
id.

Ids are joined as table columns and vectors stay where they are (a .npy is mapped, not read), so
that millions of faces need little more memory than their labels. What a face lacks becomes its
status.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from fiqa.data.carried import Carried, carried_frame
from fiqa.data.columns import identity_like, identity_missing
from fiqa.data.embeddings import MappedEmbeddings, map_embeddings, read_embeddings
from fiqa.data.frames import Frame, is_frame
from fiqa.data.listing import images_of
from fiqa.data.manifest import to_frame
from fiqa.data.names import find_ids, strangers
from fiqa.data.parts import is_parts
from fiqa.data.quality import read_quality
from fiqa.data.store import hash_inputs, hash_rows
from fiqa.data.tables import READABLE, decode_text, encode_text, read_table
from fiqa.errors import InputError
from fiqa.functional.batches import batches
from fiqa.methods.labeler import STATUS, Job
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["Inputs", "load_inputs"]

_ROWS = 1 << 14
_UNIT = 1e-2
"""How far from 1 the length of a stored vector may be (float16 is good to about 1e-3)."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """Everything that was given, in the order of the faces.

    Attributes:
        table: id, identity, status and the carried columns (fiqa.data.carried).
        faces: their manifest, where the pixels are needed.
        place: (N,) of each face among the vectors, -1 without.
        embeddings: the vectors.
        priors: (N,K) qualities, NaN where one has no number.
        hashes: input -> sha256.
        prior_names: (K,) of the priors' methods, no two alike.
        identity_from: where the identities come from, in words.
        meant: columns that may be meant as identity, where there is none.
    """

    table: pl.DataFrame
    faces: Manifest | None
    place: NDArray[np.int64] | None
    embeddings: MappedEmbeddings | None
    priors: NDArray[np.float64] | None
    hashes: dict[str, str]
    prior_names: tuple[str, ...] = ()
    identity_from: str = ""
    meant: Sequence[str] = ()

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def _lengths(self) -> NDArray[np.float64]:
        """Length of every vector, found block by block."""
        vector = self._known.vector
        result = np.empty(len(vector))
        for piece in batches(len(vector), _ROWS):
            rows = vector[piece].astype(np.float32, copy=False)
            result[piece] = np.sqrt(np.einsum("nd,nd->n", rows, rows))
        return result

    @property
    def _known(self) -> MappedEmbeddings:
        if self.embeddings is None or self.place is None:
            raise InputError("embeddings must be given.")
        return self.embeddings

    def statuses(self, needs: tuple[str, ...]) -> pl.Series:
        """Returns for every face "ok", or what it lacks of what the method needs; raises InputError
        where an input is absent altogether."""
        if self.meant and "identities" in needs:
            raise identity_missing(self.meant, "The manifest of the faces")
        lacking = [name for name in needs if name in _GIVEN and self._absent(name)]
        if lacking:
            raise InputError(
                f"this method needs {' and '.join(needs)}; not given: {', '.join(lacking)}.",
                hint="; ".join(dict.fromkeys(_GIVEN[name] for name in lacking)),
            )
        status = np.full(len(self), "", dtype=STATUS)
        if "prior" in needs and self.priors is not None:
            status[~np.isfinite(self.priors).all(axis=1)] = "no_prior"
        if "embeddings" in needs and self.place is not None:
            length = self._lengths[self.place] if len(self._lengths) else np.zeros(len(self))
            status[~(np.isfinite(length) & (length > 0))] = "invalid_embedding"
            status[self.place < 0] = "no_embedding"
        if "identities" in needs:
            status[(self.table["identity"] == "").to_numpy()] = "no_identity"
        lacks = pl.Series("status", status)
        broken = (
            (self.table["status"] != "ok")
            if "crops" in needs
            else (self.table["status"] != "ok") & (lacks != "")
        )
        return (
            pl.select(
                pl.when(broken)
                .then(self.table["status"])
                .when(lacks == "")
                .then(pl.lit("ok"))
                .otherwise(lacks)
            )
            .to_series()
            .rename("status")
        )

    def _absent(self, name: str) -> bool:
        by_name = {"crops": self.faces, "embeddings": self.embeddings, "prior": self.priors}
        if name == "identities":
            return len(self) > 0 and bool((self.table["identity"] == "").all())
        return by_name[name] is None

    def job(
        self,
        rows: NDArray[np.int64],
        needs: tuple[str, ...],
        centers: tuple[NDArray[np.str_], NDArray[np.float32]] | None = None,
    ) -> Job:
        """Returns the chosen rows as a method sees them."""
        table = self.table[rows]
        names = table["identity"].unique().sort()
        codes = table["identity"].cast(pl.Enum(names)).to_physical().to_numpy().astype(np.int64)
        norm = None
        if "embeddings" in needs:
            norm = np.asarray(
                self._lengths if self._known.norm is None else self._known.norm, np.float32
            )[self._place[rows]]
        return Job(
            ids=table["id"],
            identities=codes,
            names=names,
            vectors=self._unit(self._place[rows]) if "embeddings" in needs else None,
            norm=norm,
            priors=None if self.priors is None else self.priors[rows],
            prior_names=self.prior_names,
            faces=None if self.faces is None else self.faces.take(rows),
            centers=centers,
        )

    @property
    def _place(self) -> NDArray[np.int64]:
        return np.full(len(self), -1) if self.place is None else self.place

    def _unit(self, place: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        """The vectors at `place`; the mapped array itself when that is all of it in order and
        nothing has to be divided by its length."""
        vector, length = self._known.vector, self._lengths[place]
        unit = bool(np.all(np.abs(length - 1) <= _UNIT))
        if unit and len(place) == len(vector) and np.array_equal(place, np.arange(len(place))):
            return vector
        rows = vector[place]
        return rows if unit else (rows / length[:, None]).astype(vector.dtype)


_GIVEN = {
    "crops": "give the manifest of the crops with --faces",
    "embeddings": "make embeddings with: fiqa embed",
    "identities": "give a manifest with identities, or ids of the form identity/name",
    "prior": "give any quality with --prior, for example what fiqa score wrote",
}


def load_inputs(
    faces: PathLike | Frame | Manifest | None,
    embeddings: PathLike | Frame | Embeddings | None,
    priors: Sequence[PathLike | Frame | Quality],
    *,
    crops: bool,
) -> Inputs:
    """Returns the inputs of `label` joined by id; `crops` tells whether the pixels will be read.

    The rows are those of `faces`; without it, those of the embeddings, or else of the prior. Where
    no identity at all is known, it is what comes before the last / of an id.

    Raises:
        ReadError, InputError: nothing given, no face at all, ids that repeat.
    """
    vectors = _embeddings(embeddings)
    qualities = [one if isinstance(one, Quality) else read_quality(one) for one in priors]
    manifest, table, origin, meant = _faces(faces, crops)
    if table is None:
        if vectors is None and not qualities:
            raise InputError("label needs faces, embeddings or a prior, got none of them.")
        ids = _text((vectors or qualities[0]).id)
        table = pl.DataFrame({"id": ids}).with_columns(identity=pl.lit(""), status=pl.lit("ok"))
    if not len(table):
        raise InputError(
            "label must be given at least one face, got none.",
            hint="a table of faces, embeddings or a prior must have rows",
        )
    if (table["identity"] == "").all() and not meant:
        table = table.with_columns(_folders(table["id"]))
        origin = "the folder part of each id" if (table["identity"] != "").any() else ""
    if table["id"].is_duplicated().any():
        twice = table["id"].filter(table["id"].is_duplicated())[0]
        raise InputError(f"ids of the faces must be unique, got {twice!r} more than once.")
    place = None if vectors is None else _places(table["id"], vectors.id, "embeddings")
    values = None
    if qualities:
        columns = [_values(table["id"], quality) for quality in qualities]
        values = np.stack(columns, axis=1)
    hashes = _hash("faces", faces, manifest) | _hash("embeddings", embeddings)
    for number, one in enumerate(priors):
        hashes |= _hash("prior" if number == 0 else f"prior{number + 1}", one)
    return Inputs(
        table,
        manifest,
        place,
        vectors,
        values,
        hashes,
        tuple(_distinct([quality.method for quality in qualities])),
        origin,
        meant,
    )


def _values(ids: pl.Series, quality: Quality) -> NDArray[np.float64]:
    """(N,) the quality of our ids, NaN where it has none."""
    at = _places(ids, quality.id, "prior")
    return np.asarray(np.where(at < 0, np.nan, np.append(quality.value, np.nan)[at]), np.float64)


def _distinct(names: Sequence[str]) -> list[str]:
    """Names with a number behind those that occur again."""
    seen: Counter[str] = Counter()
    result = []
    for name in names:
        seen[name] += 1
        result.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return result


def _faces(
    faces: PathLike | Frame | Manifest | None, crops: bool
) -> tuple[Manifest | None, pl.DataFrame | None, str, list[str]]:
    """The manifest (when the pixels are needed), its table, where identities are from, and columns
    that may be meant where there are none; a table on disk is not made into a manifest without
    need."""
    if faces is None:
        return None, None, "", []
    plain = (
        not isinstance(faces, (str, os.PathLike))
        or Path(faces).suffix.lower() in READABLE
        or is_parts(faces)
    )
    if not crops and not isinstance(faces, Manifest) and plain:
        frame = read_table(faces)
        where = os.path.basename(faces) if isinstance(faces, (str, os.PathLike)) else "the frame"
        if "id" in frame.columns:
            words = {"identity": pl.col("identity") if "identity" in frame.columns else pl.lit("")}
            words["status"] = pl.col("status") if "status" in frame.columns else pl.lit("ok")
            text = {name: column.cast(pl.String).fill_null("") for name, column in words.items()}
            origin = f"column identity of {where}" if "identity" in frame.columns else ""
            meant = [] if origin else identity_like({name: frame[name] for name in frame.columns})
            rows = frame.select(pl.col("id").cast(pl.String), **text)
            return None, rows.hstack(carried_frame(frame).get_columns()), origin, meant
    manifest = images_of(faces)
    table = to_frame(manifest).select("id", "identity", "status")
    table = table.hstack(Carried.of(manifest).frame.get_columns())
    if np.any(manifest.identity != ""):
        return manifest, table, manifest.identity_from or "the manifest", []
    return manifest, table, "", identity_like(manifest.columns)


def _embeddings(embeddings: PathLike | Frame | Embeddings | None) -> MappedEmbeddings | None:
    if embeddings is None or isinstance(embeddings, (str, os.PathLike)):
        return None if embeddings is None else map_embeddings(embeddings)
    vectors = embeddings if isinstance(embeddings, Embeddings) else read_embeddings(embeddings)
    return MappedEmbeddings(vectors.id, vectors.vector, vectors.norm, vectors.recognizer)


def _text(ids: NDArray[np.str_]) -> pl.Series:
    return pl.Series("id", [encode_text(name) for name in ids.tolist()], dtype=pl.String)


def _folders(ids: pl.Series) -> pl.Series:
    folder = pl.col("id").str.extract(r"^(.*)/[^/]*$", 1).fill_null("")
    return ids.to_frame().select(folder.alias("identity")).to_series()


def _places(ours: pl.Series, theirs: NDArray[np.str_], name: str) -> NDArray[np.int64]:
    """(N,) row of each of our ids among theirs, -1 where it is not; ids that are not equal are
    compared as find_ids does.

    Raises InputError where none meets.
    """
    table = pl.DataFrame({"id": _text(theirs)}).with_row_index("place")
    if table["id"].is_duplicated().any():
        twice = table["id"].filter(table["id"].is_duplicated())[0]
        raise InputError(f"ids of the {name} must be unique, got {twice!r} more than once.")
    joined = ours.to_frame("id").join(table, on="id", how="left", maintain_order="left")
    place = joined["place"].cast(pl.Int64).fill_null(-1).to_numpy()
    lost = np.flatnonzero(place < 0)
    if len(lost):
        left = np.setdiff1d(np.arange(len(theirs)), place)
        mine = [decode_text(str(one)) for one in ours[lost].to_list()]
        row = find_ids(theirs[left], mine)
        place = place.copy()
        place[lost[row[row >= 0]]] = left[row >= 0]
    if len(place) and len(theirs) and (place < 0).all():
        raise InputError(
            f"No id of the {name} is one of the faces:"
            f" {strangers(theirs, map(decode_text, ours), what=name).rsplit(';', 1)[0]}."
        )
    return place


def _hash(name: str, source: Any, manifest: Manifest | None = None) -> dict[str, str]:
    """name -> sha256 of what was source: the bytes of a file; the arrays of a noun; of faces whose
    pixels are read, also size and time of every crop."""
    from fiqa.data.images import Limits
    from fiqa.faces.crops import CropTable

    if source is None:
        return {}
    if manifest is not None:
        digest = _digest([CropTable(manifest, Limits()).digest(), *_landmarks(manifest)])
        return {name: digest, **Carried.of(manifest).digest()}
    if isinstance(source, (str, os.PathLike)):
        beside = [
            path
            for path in (
                Path(source).with_suffix(".ids.txt"),
                Path(source).with_suffix(".meta.npz"),
            )
            if path.is_file()
        ]
        files = [Path(source), *(beside if Path(source).suffix == ".npy" else [])]
        return {name: _digest(hash_inputs(files).values())}
    if isinstance(source, Quality):
        return {name: _digest([source.id, source.value])}
    if is_frame(source):
        return {name: hash_rows([tuple(source.columns), *read_table(source).rows()])}
    if isinstance(source, Embeddings):
        return {name: _digest([source.id, source.vector, source.norm])}
    digest = _digest([source.id, source.identity, source.status])
    return {name: digest, **Carried.of(source).digest()}


def _landmarks(manifest: Manifest) -> list[Any]:
    geometry = [
        repr(manifest.columns[name].tolist())
        for name in ("landmarks", "eye_distance")
        if name in manifest.columns
    ]
    return [*geometry, manifest.identity]


def _digest(parts: Any) -> str:
    digest = hashlib.sha256()
    for part in parts:
        digest.update(
            np.ascontiguousarray(part).tobytes()
            if isinstance(part, np.ndarray)
            else str(part).encode("utf-8", "surrogateescape")
        )
        digest.update(b"\n")
    return digest.hexdigest()
