"""`label`: quality labels without people, one method of fiqa.methods at a time."""

from __future__ import annotations

from typing import Any

from fiqa.data.frames import Frame
from fiqa.labeling.run import Prior, label_rows
from fiqa.progress import Progress
from fiqa.types import Embeddings, Manifest, PathLike, Quality

__all__ = ["label"]


def label(
    method: str,
    *,
    faces: PathLike | Frame | Manifest | None = None,
    embeddings: PathLike | Frame | Embeddings | None = None,
    prior: Prior = None,
    templates: PathLike = "auto",
    centers: PathLike | Embeddings | None = None,
    seed: int = 0,
    out: PathLike | None = None,
    workers: int | None = None,
    engine: str = "local",
    address: str | None = None,
    force: bool = False,
    progress: Progress = False,
    html: PathLike | None = None,
    **options: Any,
) -> Quality:
    """Returns quality labels made without people; inputs are joined by id, and a face without a
    label is absent (fiqa.labeling.run.label_rows tells why).

    Args:
        method: dmsfiqa, clib_fiqa, label_optimization, cr_fiqa, sdd_fiqa, faceqnet, ediffiqa, norm,
            or a scoring method that gives labels.
        faces: the manifest of the aligned crops (file, folder, frame or fiqa.Manifest): the rows,
            who is on them, and the pixels for methods that look at them. Without it the rows are
            those of the embeddings; where no identity is known at all, it is what comes before the
            last / of an id. Columns of your own (fiqa.data.carried) stay in the table of `out`.
        embeddings: vectors of one recognizer; a .npy is mapped and never wholly in memory.
        prior: any quality, for label_optimization (which improves it), faceqnet (whose best images
            it chooses) and ediffiqa (which lowers it). label_optimization takes several: their
            ranks are averaged, with `weights` that are numbers or "auto" (learned from the mated
            similarity).
        templates: dmsfiqa only: "auto", or the edited table of templates that an earlier run wrote
            beside its labels. A chosen line whose person or id is not among the faces is an error.
        centers: cr_fiqa and clib_fiqa only: class centers of a recognizer's training, as embeddings
            whose ids are the names of the identities. Without them an image is compared with the
            mean of the other images of its person.
        seed: decides everything random.
        out: write the table there (.parquet, .csv or .jsonl) with a sidecar; a rerun of the same
            does nothing, an interrupted one goes on and ends with the same bytes.
        workers: processes for what is measured face by face; None is one per core. More than one
            also does label_optimization and cr_fiqa by partitions of identities.
        engine: "local", or "ray" for the actors of a Ray cluster: what is measured face by face,
            and label_optimization and cr_fiqa by partitions of identities. Its machines must see
            the crops, the vectors and the folder of `out` under the same paths.
        address: of the Ray cluster, "auto" for the one that this machine is part of; None starts
            one here for the time of the run.
        force: do it again although `out` is current.
        progress: True reports on stderr; a callable is told (stage, done, total).
        html: dmsfiqa with `out`: write the contact sheet of the proposed templates there, each with
            the paper's five criteria; people whose template fails one come first.
        options: the method's own, as in the signature of its functions; of dmsfiqa the keys of its
            settings: group_column="track" for frames of video; of label_optimization theta="auto"
            too, a step that is chosen on people held out.

    Returns:
        Quality of kind "label"; `provenance` holds arguments, seed, hashes of the inputs, versions,
        and what the run found.

    Raises:
        UnknownNameError: no such method, engine or option (with the closest one).
        InputError: a method that gives no label or that the engine cannot do, an input that it
            needs and was not given, ids that repeat.
        ReadError, WeightsError, MissingExtraError: a file or model cannot be used.
        WriteError: the disk refused.

    >>> import numpy as np
    >>> e = Embeddings(np.array(["a/1", "a/2", "b/1"]), np.array([[1.0, 0], [0.6, 0.8], [0, 1.0]]))
    >>> label("cr_fiqa", embeddings=e).value.round(2).tolist()
    [0.6, 0.33]
    """
    return label_rows(
        method,
        faces=faces,
        embeddings=embeddings,
        prior=prior,
        templates=templates,
        centers=centers,
        seed=seed,
        out=out,
        workers=workers,
        engine=engine,
        address=address,
        options=options,
        force=force,
        progress=progress,
        html=html,
    ).quality
