"""Models on the faces of the test, half of which are degraded by some kinds of damage alone.

    python recipes/bundled_left_out.py ../shared/data runs/left_out/test KIND... -- NAME=MODEL...

Prints a table for each of the recognizers A and B: areas with intervals, and the paired difference
to the first model, as in bundled_peers.py, whose clean faces, strengths and draws these are.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from bundled_peers import areas, crops, scored
from splits import CARDS, needs, write_recognizers

import fiqa
from fiqa.data.embeddings import read_embeddings
from fiqa.faces.degrade import KINDS


def main(data: Path, out: Path, kinds: Sequence[str], models: dict[str, str]) -> None:
    """Prints the tables of one set of kinds."""
    unknown = sorted(set(kinds) - set(KINDS))
    if unknown or not kinds or not models:
        raise SystemExit(f"error: {unknown or 'no kinds or no models'}\nhint: {__doc__}")
    out.mkdir(parents=True, exist_ok=True)
    write_recognizers(data, out)
    faces = crops(data, out, kinds)["degraded"]
    told = {**models, "LightQNet": str(data / "models/lightqnet-dm100.pb")}
    scores = [scored(name, faces, model, out) for name, model in told.items()]
    for name in CARDS:
        fiqa.embed(faces, recognizer=out / f"recognizer_{name}.onnx", out=out / f"{name}.npz")
        table = areas(scores, read_embeddings(out / f"{name}.npz"))
        print(f"\n**{' and '.join(kinds)}, recognizer {name.upper()}**\n")
        print("| model | area to .3 | less the first's | area to .95 | less the first's |")
        print("|---|---|---|---|---|")
        for score in told:
            print("| " + " | ".join([score, *table[score]]) + " |")


if __name__ == "__main__":
    if len(sys.argv) < 3 or "--" not in sys.argv:
        sys.exit(__doc__)
    place, target, *rest = sys.argv[1:]
    cut = rest.index("--")
    needs(Path(place), "lfw/aligned", "lfw/peopleDevTest.txt", "models/lightqnet-dm100.pb")
    pairs = dict(each.split("=", 1) for each in rest[cut + 1 :])
    main(Path(place), Path(target), rest[:cut], pairs)
