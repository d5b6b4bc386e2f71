"""Bodies: whatever their bytes, images or a problem."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra service")
pytest.importorskip("python_multipart", reason="needs the extra service")

from fiqa.service.body import pictures_of
from fiqa.service.problems import ProblemError

FORM = "multipart/form-data; boundary=XX"


def form(*parts: bytes, name: bytes = b'; filename="a.jpg"', end: bytes = b"--XX--\r\n") -> bytes:
    head = b'--XX\r\ncontent-disposition: form-data; name="i"' + name + b"\r\n\r\n"
    return b"".join(head + part + b"\r\n" for part in parts) + end


def kind(body: bytes, content_type: str, most: int = 4) -> str:
    with pytest.raises(ProblemError) as caught:
        pictures_of(body, content_type, most)
    return caught.value.kind


@pytest.mark.parametrize(
    "content_type", ["image/jpeg", "image/x-anything", "application/octet-stream", "IMAGE/PNG; a=b"]
)
def test_a_raw_body_is_one_image(content_type):
    assert pictures_of(b"bytes", content_type, 4) == [b"bytes"]


def test_a_form_has_its_files_in_order():
    parts = [b"one", b"", b"--X\r\n--XY", bytes(range(256)) * 9]
    assert pictures_of(form(*parts), FORM, 4) == parts
    assert pictures_of(form(*parts, end=b"--XX--"), FORM, 4) == parts


@pytest.mark.parametrize(
    "content_type",
    ["", "none", "application/json", "text/plain", "application/x-www-form-urlencoded"],
)
def test_another_kind_of_body_is_refused(content_type):
    assert kind(b"http://127.0.0.1/a.jpg", content_type) == "media-type"


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (form(b"x"), "multipart/form-data"),
        (form(b"x"), "multipart/form-data; boundary="),
        (form(b"x"), "multipart/form-data; boundary=" + "X" * 5000),
        (form(b"x"), "multipart/form-data; boundary=YY"),
        (form(b"x", end=b""), FORM),
        (form(b"x", end=b"--XX"), FORM),
        (form(), FORM),
        (b"", FORM),
        (form(b"x", name=b""), FORM),
        (form(b"x", name=b"; filename=" + b"a" * 9000), FORM),
        (b"--XX\r\n" + b"a: b\r\n" * 5000 + b"\r\nx\r\n--XX--\r\n", FORM),
    ],
)
def test_a_form_that_is_none_is_a_problem(body, content_type):
    assert kind(body, content_type) == "bad-body"


def test_a_bad_form_writes_nothing():
    code = (
        "from fiqa.service.body import pictures_of\n"
        "try: pictures_of(b'nothing', 'multipart/form-data; boundary=XX', 4)\n"
        "except Exception as error: print(error.kind)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("bad-body\n", "")


def test_ten_thousand_parts_are_too_many():
    assert kind(form(*[b"x"] * 10_000), FORM, 32) == "too-large"


def test_a_form_has_at_most_so_many_images():
    assert len(pictures_of(form(*[b"x"] * 4), FORM, 4)) == 4
    assert kind(form(*[b"x"] * 5), FORM) == "too-large"


def test_damaged_forms_are_images_or_a_problem():
    rng = np.random.default_rng(0)
    whole = bytearray(form(b"one", b"two" * 50, b"three"))
    ended = set()
    for _ in range(2000):
        damaged = whole.copy()
        for place in rng.integers(0, len(whole), rng.integers(1, 6)):
            damaged[place] = rng.integers(256)
        try:
            pictures_of(bytes(damaged[: rng.integers(1, len(whole) + 1)]), FORM, 4)
            ended.add("images")
        except ProblemError as error:
            ended.add(error.kind)
    assert "bad-body" in ended
    assert ended <= {"images", "bad-body", "too-large"}
