"""How a peer's recipe trains a network instead of a head: what `optim.groups` is then.

    python recipes/network_form.py recipes/lightqnet.toml [means]

Prints the value: the recipe's own groups, and the backbone from its sixth block on at the rate of
the bundled model's teacher, or ten times less than the new layers' where those learn by SGD.
`means` is for class centers that start at people's means: there is no new last layer then.
"""

from __future__ import annotations

import json
import sys
import tomllib
from pathlib import Path

ADAM, SGD = 3e-4, 1e-2
PARTS = (*(f"features.{block}." for block in range(5, 15)), "conv2", "gdconv")


def groups(recipe: Path, *, means: bool = False) -> str:
    """The value of `optim.groups`, in TOML; with `means` without that of the new last layer."""
    optim = tomllib.loads(recipe.read_text(encoding="utf-8"))["optim"]
    rate = SGD if optim.get("name") == "sgd" else ADAM
    own = [each for each in optim["groups"] if not (means and each["prefix"] == "vector.")]
    listed = [*own, *({"prefix": f"backbone.{part}", "lr": rate} for part in PARTS)]
    texts = [
        ", ".join(f"{key} = {json.dumps(value)}" for key, value in one.items()) for one in listed
    ]
    return "[" + ", ".join(f"{{ {text} }}" for text in texts) + "]"


if __name__ == "__main__":
    print(groups(Path(sys.argv[1]), means=sys.argv[2:] == ["means"]))
