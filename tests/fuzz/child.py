"""The process that reads damaged files: `python child.py FOLDER`, work as JSON on stdin, one JSON
line per input on stdout.

It lives under a limit of address space and names each input before it reads it, so that a crash is
known by its seed.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import sys
import traceback
from pathlib import Path

from mutations import mutated
from targets import TARGETS, Target

LIMIT = 1 << 30
"""Bytes of address space."""


def limited() -> int:
    """Sets the limit and returns it: 1 GiB, or half a GiB above what the libraries have taken where
    that alone comes near it (torch with CUDA)."""
    with open("/proc/self/statm") as file:
        taken = int(file.read().split()[0]) * resource.getpagesize()
    most = max(LIMIT, taken + LIMIT // 2)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return most


def faulty(target: Target, path: Path) -> str:
    """Reads one damaged file; returns "" if it was read or refused as it must be, else what came
    instead."""
    from fiqa.errors import EvidenceError, InputError, ReadError
    from fiqa.vocabulary import STATUSES

    try:
        target.read(path)
    except ReadError as error:
        if error.status not in STATUSES:
            return f"a ReadError with the status {error.status!r}"
        folder = str(path.parent)
        return (
            ""
            if folder in str(error) or target.file == "image.dat"
            else f"a ReadError without the file's name: {error}"
        )
    except (InputError, EvidenceError) as error:
        return "" if target.verb else f"{type(error).__name__} is no ReadError: {error}"
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001 - polars' panics are no Exception
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__}: {str(error)[:200]} at {place.filename}:{place.lineno}"
    return ""


def main() -> None:
    """Reads the work (pairs of target and seed, or target and bytes in hex) and reports on each
    input."""
    scratch = Path(sys.argv[1])
    table: dict[str, Target] = TARGETS
    if len(sys.argv) > 2:
        import torch_targets

        table = torch_targets.TORCH_TARGETS
    work = json.load(sys.stdin)
    whole: dict[str, bytes] = {}
    for name in dict.fromkeys(
        name for name, _ in work
    ):  # the whole file is read first: what it imports is loaded before the limit
        folder = scratch / f"whole {name.replace('/', ' ')}"
        folder.mkdir()
        table[name].make(folder)
        whole[name] = (folder / table[name].file).read_bytes()
        os.chdir(folder)
        table[name].read(folder / table[name].file)
    limited()
    for number, (name, seed) in enumerate(work):
        target = table[name]
        folder = scratch / f"input {number}"
        shutil.copytree(scratch / f"whole {name.replace('/', ' ')}", folder)
        os.chdir(folder)
        data = (
            bytes.fromhex(seed)
            if isinstance(seed, str)
            else mutated(whole[name], seed, text=target.text)
        )
        (folder / target.file).write_bytes(data)
        print(json.dumps({"begun": [name, seed]}), flush=True)
        print(json.dumps({"fault": faulty(target, folder / target.file)}), flush=True)
        os.chdir(scratch)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
