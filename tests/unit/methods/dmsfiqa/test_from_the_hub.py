"""The three pretrained judges with tiny models of the real classes, from a hub on the loopback
address, through the hub's own client."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

from fiqa.methods.dmsfiqa.config import read_config
from fiqa.methods.dmsfiqa.judges import judge_of

pytestmark = [pytest.mark.numeric, pytest.mark.slow]

_JUDGE = """
import json
import numpy as np
from fiqa.methods.dmsfiqa.config import read_config
from fiqa.methods.dmsfiqa.judges import judge_of
from fiqa.types import Faces
crops = np.random.default_rng(3).integers(0, 256, (7, 112, 112, 3), dtype=np.uint8)
config, told = read_config(), {}
for name in ("clip", "siglip", "blip2"):
    judge = judge_of(name, config)
    judge.load()
    told[name] = [judge.judge(Faces(crops)).tolist(), judge.describe()["files"]]
print(json.dumps(told))
"""


def test_clip_siglip_and_blip2_come_from_the_hub_and_judge_as_from_a_folder(
    hub_server, clip_folder, siglip_folder, blip2_folder, seven, tmp_path
):
    config = read_config()
    folders = {"clip": clip_folder, "siglip": siglip_folder, "blip2": blip2_folder}
    models = {config[name]["model"]: {"main": folder} for name, folder in folders.items()}
    with hub_server.serving(models) as hub:
        environment = {
            **os.environ,
            "HF_ENDPOINT": hub.url,
            "HF_HUB_OFFLINE": "0",
            "HF_HOME": str(tmp_path / "hf"),
            "FIQA_HOME": str(tmp_path / "home"),
            "NO_PROXY": "127.0.0.1",
        }
        answers, asked = [], []
        for offline in ("0", "1"):
            done = subprocess.run(
                [sys.executable, "-c", _JUDGE],
                env={**environment, "HF_HUB_OFFLINE": offline},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            answers.append(json.loads(done.stdout.splitlines()[-1]))
            asked.append(len(hub.asked))
    assert asked[0] == asked[1] > 0, "offline nobody is asked"
    assert answers[0] == answers[1]
    for name, folder in folders.items():
        config[name]["model"] = str(folder)
        judge = judge_of(name, config)
        found, files = answers[0][name]
        np.testing.assert_allclose(judge.judge(seven), found, atol=1e-5)
        assert files == judge.describe()["files"]
