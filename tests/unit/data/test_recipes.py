"""The recipes that come with fiqa: what each consists of, and the copies of them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from fiqa.cli import build
from fiqa.data.recipes import copy_recipe, folder, recipes
from fiqa.errors import InputError, UnknownNameError

SCRIPTS = [
    name for name, recipe in recipes().items() if recipe.files[0].endswith(".sh") and recipe.reads
]


def test_every_file_belongs_to_a_recipe(root: Path) -> None:
    assert folder() == root / "recipes"
    known = {file for recipe in recipes().values() for file in recipe.files}
    assert known == {f.name for f in folder().iterdir() if f.suffix in (".sh", ".toml", ".py")}
    assert recipes()["labels"].files == ("labels.sh", "labels.py", "needs.sh", "splits.py")
    assert recipes()["pcnet"].files == ("pcnet.toml",)
    assert {"peers.sh", "splits.py", "pcnet.toml", "faceqnet.toml"} < set(recipes()["peers"].files)
    assert "splits" not in recipes()
    assert "needs" not in recipes()


def test_a_folder_keeps_the_images_of_one_part_of_the_people(root: Path, tmp_path: Path) -> None:
    def asked(part: str) -> subprocess.CompletedProcess[str]:
        line = (
            f"data={tmp_path}; . {root}/recipes/needs.sh; same_part {part} {tmp_path}/out; echo on"
        )
        return subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)

    assert [asked("10").stdout, asked("10").stdout] == ["on\n", "on\n"]
    other = asked("5")
    assert (other.returncode, other.stdout) == (2, "")
    assert "has PART=10, and PART=5 is asked for" in other.stderr
    assert (tmp_path / "out/part").read_text() == "10\n"


def test_every_recipe_has_one_line() -> None:
    for recipe in recipes().values():
        assert len(recipe.summary.split()) > 3, recipe.name
        assert "\n" not in recipe.summary
        assert not recipe.summary.endswith(".")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_copied_script_finds_its_parts_and_says_what_is_missing(
    name: str, tmp_path: Path
) -> None:
    first, *parts = copy_recipe(name, tmp_path / "mine")
    assert first.name == f"{name}.sh"
    code = first.read_text()
    called = set(re.findall(r'\$here"?/(\w+\.\w+)', code))
    assert called <= {part.name for part in parts}
    data, out = tmp_path / "data", tmp_path / "out"
    (data / "lfw/aligned").mkdir(parents=True)
    words = ["bash", str(first), str(data), str(out)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    head, *missing, hint = done.stderr.splitlines()
    assert head.startswith("error: the data folder must have everything that this recipe reads;")
    assert "  lfw/aligned" not in missing
    assert ("  models/yunet.onnx" if name == "cabin" else "  lfw/peopleDevTest.txt") in missing
    assert hint.startswith("hint: give the folder as the first argument")
    assert not out.exists()


@pytest.mark.parametrize("name", ["finetune", "starter"])
def test_a_script_on_your_own_files_says_how_it_is_called(name: str, tmp_path: Path) -> None:
    first, *parts = copy_recipe(name, tmp_path / "mine")
    assert set(re.findall(r'\$here"?/(\w+\.\w+)', first.read_text())) == {p.name for p in parts}
    words = ["bash", str(first)]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith(f"#     bash recipes/{name}.sh ")
    done = subprocess.run(
        [*words, "none", "nor.this"], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert done.stderr == "error: there is nothing at none\n"


def test_a_file_of_your_own_is_not_written_over(tmp_path: Path) -> None:
    first = copy_recipe("labels", tmp_path)[0]
    assert copy_recipe("labels", tmp_path)[0] == first
    (tmp_path / "splits.py").unlink()
    first.write_text("mine")
    with pytest.raises(InputError, match=r"labels.sh must not exist yet, or be the same"):
        copy_recipe("labels", tmp_path)
    assert first.read_text() == "mine"
    assert not (tmp_path / "splits.py").exists()
    with pytest.raises(UnknownNameError, match="did you mean 'labels'"):
        copy_recipe("lables", tmp_path)


def test_the_commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    told = CliRunner().invoke(build(), ["recipes", "list"]).stdout.splitlines()
    assert [line.split()[0] for line in told] == list(recipes())
    done = CliRunner().invoke(build(), ["recipes", "copy", "dmsfiqa"])
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0] == "recipes/dmsfiqa.sh"
    assert done.stderr == "start with: bash recipes/dmsfiqa.sh\n"
    assert Path("recipes/splits.py").read_bytes() == (folder() / "splits.py").read_bytes()
