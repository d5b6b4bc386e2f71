"""Pages over many faces: how long the studio takes for a page of 100,000 faces, over the same page
of 1,000; and a contact sheet of 10,000 rows over ten times one of 1,000.

Pages are asked for in this process, without a network; a time is the median of the processor time
of a page, which other work on the machine hardly changes. The faces of the studio have scores and
three cameras, and all are one picture: a page names pictures, and a browser asks for each by
itself.

Usage: python benchmarks/studio_speed.py [--part pages] [--quick]
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from bench import Result, Setting, Skip, in_turns, main, ratio, timed

PAGES = {
    "worst first": "/review",
    "the last page": "/review?page={last}",
    "one camera, best first": "/review?group=camera&value=1&order=best",
    "the list of people": "/templates",
    "candidates of a person": "/templates/7",
}
TOKEN = "a-token-of-the-benchmark-0123456789"


def studio_of(count: int, home: Path) -> Any:
    """A browser that is in a studio of so many faces."""
    import polars as pl
    from PIL import Image
    from starlette.testclient import TestClient

    from fiqa.data.images import Limits
    from fiqa.diagnosis.drawn_faces import drawn_faces
    from fiqa.studio_app.app import build
    from fiqa.studio_app.collection import collected
    from fiqa.studio_app.desk import Desk
    from fiqa.studio_app.sessions import Sessions
    from fiqa.studio_app.store import Store
    from fiqa.studio_app.thumbnails import Thumbnails

    number = np.arange(count)
    ids = [f"p{k % (count // 50)}/{k}" for k in number]
    picture = home / "face.png"
    Image.fromarray(drawn_faces(1).crops[0]).save(picture)
    faces, scores = home / f"{count}.parquet", home / f"{count}.csv"
    pl.DataFrame(
        {
            "id": ids,
            "path": [str(picture)] * count,
            "identity": [name.split("/")[0] for name in ids],
            "camera": [f"c{k % 3}" for k in number],
        }
    ).write_parquet(faces)
    pl.DataFrame({"id": ids, "score": (number * 7919 % count) / count}).write_csv(scores)
    desk = Desk(
        collected(faces, scores=[scores]), Store(home / f"{count}.sqlite"), Thumbnails(Limits()),
        Sessions(), (TOKEN,),
    )  # fmt: skip
    client = TestClient(build(desk, rate=1e9), headers={"origin": "http://testserver"})
    client.post("/enter", data={"token": TOKEN})
    client.post("/who", data={"name": "Ada"})
    return client


def asked(client: Any, count: int, rounds: int) -> dict[str, tuple[float, int]]:
    """Page -> median seconds and bytes."""
    found = {}
    for name, address in PAGES.items():
        took = []
        for _ in range(rounds):
            began = time.process_time()
            answer = client.get(address.format(last=-(-count // 48)))
            took.append(time.process_time() - began)
            if answer.status_code != 200:
                raise RuntimeError(answer.text)
        found[name] = float(np.median(took)), len(answer.content)
    return found


def pages(setting: Setting) -> Result:
    """The slowest page of 100,000 faces over the same one of 1,000."""
    try:
        import starlette  # noqa: F401 - asked for first
    except ModuleNotFoundError as error:
        raise Skip("the extra service is needed") from error
    many, few, rounds = setting.count(100_000, 2000), 1000, setting.rounds(9)
    with tempfile.TemporaryDirectory() as scratch:
        began = time.process_time()
        large = studio_of(many, Path(scratch))
        opened = time.process_time() - began
        small = asked(studio_of(few, Path(scratch)), few, rounds)
        first = asked(large, many, 1)
        big = asked(large, many, rounds)
    details = [f"{many:,} faces read and joined with their scores in {opened:.1f} s"]
    details += [
        f"{name}: {1e3 * took:.0f} ms ({1e3 * first[name][0]:.0f} ms at first),"
        f" {size / 1000:.0f} kB; of {few:,} faces {1e3 * small[name][0]:.0f} ms"
        for name, (took, size) in big.items()
    ]  # fmt: skip
    worst = max(took / small[name][0] for name, (took, _) in big.items())
    return Result(f"a page of {many:,} faces over one of {few:,}", worst, 5.0, tuple(details))


def sheet(setting: Setting) -> Result:
    """A contact sheet of 10,000 rows over ten of 1,000."""
    from fiqa.diagnosis.drawn_faces import drawn_faces
    from fiqa.report.sheet import sheet as written

    crops = drawn_faces(100).crops
    rows = [
        {
            "path": f"{k}.jpg", "status": "ok", "uqs": k % 101, "level": "medium",
            "reasons": ["blurry"], "factors": {"blur": 0.4, "pose": 0.9},
        }
        for k in range(setting.count(10_000, 50))
    ]  # fmt: skip
    part = rows[: max(1, len(rows) // 10)]

    def made(some: list[dict[str, Any]]) -> str:
        return written(some, [crops[k % 100] for k in range(len(some))], limit=10_000)

    calls = {
        f"{len(part):,} rows (baseline)": lambda: [made(part) for _ in range(10)],
        f"{len(rows):,} rows": lambda: made(rows),
    }
    took = in_turns(calls, setting.rounds(3))
    base, ours = took.values()
    details = [timed(name, seconds, len(rows), "ms a row") for name, seconds in took.items()]
    details.append(f"the page of {len(rows):,} rows has {len(made(rows)) / 1e6:.1f} MB")
    return Result("a contact sheet of many rows over ten small ones", ratio(ours, base), 1.3,
                  tuple(details))  # fmt: skip


PARTS = {"pages": pages, "sheet": sheet}

if __name__ == "__main__":
    main(__doc__, PARTS)
