"""Tokens and how often they may be used."""

from __future__ import annotations

import hmac

import pytest

from fiqa.errors import InputError, ReadError
from fiqa.service.access import Rate, Tokens, new_token, read_tokens

GOOD = "0123456789abcdef"


@pytest.mark.parametrize(
    ("header", "holder"),
    [
        (f"Bearer {GOOD}", 0),
        (f"bearer {GOOD}x", 1),
        (f"Bearer  {GOOD}", 0),
        (f"Basic {GOOD}", None),
        (GOOD, None),
        ("Bearer ", None),
        ("Bearer \udcff", None),
        ("", None),
        (None, None),
    ],
)
def test_a_header_lets_in_whose_token_it_has(header, holder):
    assert Tokens([GOOD, GOOD + "x"]).holder(header) == holder


def test_every_token_is_compared_in_constant_time(monkeypatch):
    compared = []
    real = hmac.compare_digest

    def watched(a, b):
        compared.append((len(a), len(b)))
        return real(a, b)

    monkeypatch.setattr("fiqa.service.access.hmac.compare_digest", watched)
    tokens = Tokens([GOOD, GOOD + "x", GOOD + "y"])
    for header in (f"Bearer {GOOD}", "Bearer x", None):
        tokens.holder(header)
    assert compared == [(32, 32)] * 9, "digests of one length, all of them, whatever was given"


def test_no_token_is_kept():
    assert GOOD not in repr(vars(Tokens([GOOD])))


def test_a_made_token_is_long_and_never_the_same():
    assert len({new_token() for _ in range(100)}) == 100
    assert all(len(new_token()) == 43 for _ in range(10))


def test_a_file_has_one_token_a_line(tmp_path):
    path = tmp_path / "tokens"
    path.write_text(f"# of the front desk\n{GOOD}\n\n  {GOOD}x\r\n")
    assert read_tokens(path) == (GOOD, GOOD + "x")


@pytest.mark.parametrize("text", ["short\n", f"{GOOD} {GOOD}\n", f"{GOOD}é\n", "", "# none\n"])
def test_a_file_with_a_bad_token_is_refused_without_telling_it(tmp_path, text):
    path = tmp_path / "tokens"
    path.write_text(text)
    with pytest.raises(InputError, match=r"token") as caught:
        read_tokens(path)
    assert GOOD not in str(caught.value)


def test_a_file_that_is_absent_or_binary_is_an_error(tmp_path):
    with pytest.raises(ReadError, match=r"cannot be read"):
        read_tokens(tmp_path / "none")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ReadError, match=r"cannot be read"):
        read_tokens(tmp_path / "binary")


def test_a_bucket_holds_twice_the_rate_and_fills():
    now = [0.0]
    rate = Rate(2.0, clock=lambda: now[0])
    assert [rate.take(0) for _ in range(5)] == [0, 0, 0, 0, 1]
    assert rate.take(1) == 0, "each token has its own"
    now[0] = 0.5
    assert [rate.take(0), rate.take(0)] == [0, 1]
    slow = Rate(0.1, clock=lambda: now[0])
    assert [slow.take(0), slow.take(0)] == [0, 10]
