"""The door: a link that works once, the token, the cookie, the name."""

from __future__ import annotations

from typing import Any

import pytest

from .conftest import ORIGIN, TOKEN

PAGES = ("/templates", "/review", "/look", "/compare", "/help", "/who")


def _client(desk: Any) -> Any:
    from starlette.testclient import TestClient

    from fiqa.studio_app.app import build

    return TestClient(build(desk), follow_redirects=False)


def test_without_a_session_nothing_is_shown(folder, make_desk) -> None:
    client = _client(make_desk(folder))
    for address in (*PAGES, "/thumb/0/224", "/"):
        assert client.get(address).status_code == 401, address
        html = client.get(address, headers={"accept": "text/html"})
        assert (html.status_code, html.headers["location"]) == (303, "/enter")
    assert client.post("/templates", headers=ORIGIN).status_code == 401


def test_the_link_works_once_and_its_cookie_is_kept_from_scripts(folder, make_desk) -> None:
    desk = make_desk(folder)
    client, other = _client(desk), _client(desk)
    answer = client.get(f"/enter?code={desk.sessions.code}")
    assert (answer.status_code, answer.headers["location"]) == (303, "/who")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert client.get("/help").status_code == 200
    assert other.get(f"/enter?code={desk.sessions.code}").status_code == 403
    assert other.get("/help").status_code == 401


def test_the_token_lets_in_by_form_and_by_header(folder, make_desk) -> None:
    desk = make_desk(folder)
    client = _client(desk)
    assert client.post("/enter", data={"token": "wrong"}, headers=ORIGIN).status_code == 403
    assert client.post("/enter", data={"token": TOKEN}, headers=ORIGIN).status_code == 303
    assert client.get("/help").status_code == 200
    bare = _client(desk)
    held = {"authorization": f"Bearer {TOKEN}"}
    assert bare.get("/help", headers=held).status_code == 200
    assert bare.get("/help").status_code == 401


@pytest.mark.parametrize("origin", [{}, {"origin": "http://evil.example"}, {"origin": "null"}])
def test_a_form_of_another_site_is_refused(folder, make_desk, browser, origin) -> None:
    client = browser(make_desk(folder))
    client.headers.pop("origin")
    answer = client.post("/who", data={"name": "Mallory"}, headers=origin)
    assert answer.status_code == 400
    assert "Mallory" not in client.get("/who").text


def test_a_session_can_be_ended(folder, make_desk, browser) -> None:
    client = browser(make_desk(folder))
    assert client.get("/help").status_code == 200
    client.post("/leave")
    assert client.get("/help").status_code == 401


@pytest.mark.parametrize("name", ["", "  ", "a\x00b", "x" * 65])
def test_a_name_must_be_one(folder, make_desk, browser, name) -> None:
    client = browser(make_desk(folder), "")
    assert client.post("/who", data={"name": name}).status_code == 422


def test_every_page_has_the_headers_and_asks_nothing_of_others(folder, make_desk, browser) -> None:
    import re

    client = browser(make_desk(folder))
    for address in (*PAGES, "/enter"):
        answer = client.get(address)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"(?:src|href|action)=[\"']?(?:https?:)?//", answer.text), address
        assert not re.search(r"<script(?![^>]* src=)|\son\w+=|\sstyle=", answer.text), address
