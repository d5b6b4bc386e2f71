"""`convert`: the field's benchmark files into images and tables, and tables of scores into the
forms of other tools."""

from __future__ import annotations

import os
from pathlib import Path

from fiqa import checks
from fiqa.conversion.outcome import TARGETS, Conversion
from fiqa.conversion.run import carry_out, target_of
from fiqa.data.guard import guard_outputs
from fiqa.data.store import make_record, sha256_file, write_sidecar
from fiqa.progress import Progress, teller
from fiqa.types import PathLike

__all__ = ["convert"]


def convert(
    source: PathLike,
    out: PathLike,
    *,
    to: str | None = None,
    column: str | None = None,
    tokenizer: PathLike | None = None,
    progress: Progress = False,
) -> Conversion:
    """Converts a file and says what was written.

    - InsightFace `.bin` -> a folder: `images/` (each once, named by content), `manifest.csv`,
      `pairs.csv`.
    - RecordIO `.rec` (with its `.idx`, or without) -> a folder: `images/identity/`, `manifest.csv`.
    - a pair list (LFW, XQLFW, CALFW, CPLFW, IJB-C) -> a table of pairs, with folds where it has
      them.
    - scores (ours, or any that fiqa.data.quality.read_quality reads) -> our table of quality,
      OFIQ's CSV, FiftyOne's CSV, the metadata of a Hugging Face imagefolder, or a WebDataset tar
      with the images. Columns of your own (fiqa.data.carried) stay, but in OFIQ's.

    - the published weights of CLIB-FIQA, a state dict (.pt, .pth, .safetensors) -> an .onnx model
      with its card, for `fiqa score --model`.

    What it was made from and its counts stand in `<out>.json`, written last.

    Args:
        source: the file.
        out: a folder for images, else a file.
        to: one of TARGETS; None takes it from the suffix of `source` and the name of `out` (.tar:
            webdataset; metadata.csv or .jsonl: imagefolder; other tables: table; .onnx: model).
        column: the column of scores, where a table has more than one candidate.
        tokenizer: for a model, a folder or hub name with a tokenizer; None: CLIP's published
            vocabulary, whose ids of the prompts are in the package.
        progress: True reports on stderr; a callable is told (stage, done, total).

    Raises:
        ReadError: `source` cannot be read, or is refused as unsafe.
        InputError: a target that `source` cannot become.
        WriteError: the disk refused.
        WeightsError: weights of another network.
        MissingExtraError: a model needs fiqa[train,vlm].
    """
    checks.path(source, "source")
    checks.path(out, "out")
    arguments = {
        "to": to,
        "column": column,
        "tokenizer": None if tokenizer is None else os.fspath(tokenizer),
    }
    record = make_record("convert", arguments=arguments, inputs={"source": sha256_file(source)})
    target = (
        target_of(Path(source), Path(out)) if to is None else checks.choice(to, "target", TARGETS)
    )
    beside = (
        [Path(out) / name for name in ("manifest.csv", "pairs.csv")] if target == "images" else []
    )
    guard_outputs([out], source, Path(source).with_suffix(".idx"), tokenizer, beside=beside)
    done = carry_out(source, out, target, column=column, tokenizer=tokenizer, told=teller(progress))
    if target != "table":  # write_quality has written its own
        counts = {
            "target": target,
            "rows": done.rows,
            "failed": done.failed,
            "skipped": done.skipped,
        }
        counts |= {"left_out": done.left_out} if done.left_out else {}
        write_sidecar(out, {**record, "result": counts})
    return done
