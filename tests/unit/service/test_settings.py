"""How a service may run."""

from __future__ import annotations

import pytest

from fiqa.errors import InputError, UnknownNameError
from fiqa.service.engine import BusyError, Engine
from fiqa.service.settings import ServiceSettings


def test_an_open_address_needs_a_token():
    for host in ("0.0.0.0", "::", "192.0.2.1", "service.example"):
        with pytest.raises(InputError, match=r"without a token") as caught:
            ServiceSettings(host=host)
        assert "--token-file" in str(caught.value)
        assert ServiceSettings(host=host, tokens=("t",)).host == host
    assert ServiceSettings().host == "127.0.0.1"


@pytest.mark.parametrize(
    "change",
    [
        *({name: 0} for name in ("workers", "max_body", "max_images", "held", "queue", "batch")),
        *({name: 0.0} for name in ("deadline", "image_seconds", "rate")),
        {"port": 70_000},
        {"memory": 1},
        {"wait": -1},
    ],
)
def test_numbers_out_of_their_range_are_refused(change):
    with pytest.raises(InputError, match=next(iter(change))):
        ServiceSettings(**change)


def test_another_review_is_refused():
    with pytest.raises(UnknownNameError, match=r"review"):
        ServiceSettings(review="harsh")


def test_settings_do_not_show_their_tokens():
    assert "secret" not in repr(ServiceSettings(tokens=("secret",)))


def test_what_waits_is_bounded_and_let_go():
    engine = Engine(ServiceSettings(detector="none", queue=3))
    with engine.admitted(2), engine.admitted(1):
        with pytest.raises(BusyError, match=r"At most 3") as caught, engine.admitted(1):
            pass
        assert 1 <= caught.value.seconds <= 60
    assert engine.images == 0
    with pytest.raises(KeyError), engine.admitted(3):
        raise KeyError
    assert engine.images == 0
