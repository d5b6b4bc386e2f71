"""The addresses: what each takes and answers, and that nothing a client sends is an error 500."""

# ruff: noqa: E402 - the extra is asked for first
from __future__ import annotations

import asyncio
import io
import json
import logging
import time
from concurrent.futures import Future
from pathlib import Path

import pytest
from PIL import Image

for package in ("fastapi", "uvicorn", "python_multipart", "prometheus_client"):
    pytest.importorskip(package, reason="needs the extra service")

from starlette.testclient import TestClient

import fiqa
from fiqa.meanings import meaning
from fiqa.service.app import application, build
from fiqa.service.engine import Engine
from fiqa.service.guard import ROUTES, SECURITY_HEADERS
from fiqa.service.metrics import Metrics
from fiqa.service.settings import ServiceSettings
from fiqa.vocabulary import STATUSES

PNG = {"content-type": "image/png"}
PINNED = Path(__file__).parents[2] / "golden" / "openapi.json"


def problem(response, status: int, kind: str) -> dict:
    """The members of a response that must be a problem as RFC 9457 has it."""
    told = response.json()
    assert response.status_code == told["status"] == status
    assert response.headers["content-type"] == "application/problem+json"
    assert told["type"] == f"urn:fiqa:problem:{kind}"
    assert set(told) == {"type", "title", "status", "detail", "request_id"}
    assert told["request_id"] == response.headers["x-request-id"]
    return told


def images(response) -> list[dict]:
    assert response.status_code == 200, response.text
    return response.json()["images"]


def test_a_score_is_that_of_the_table(service, crop, tmp_path):
    path = tmp_path / "crop.png"
    path.write_bytes(crop)
    row = fiqa.score(path, aligned=True, explain=True, workers=1).row(0, named=True)
    response = service.post("/v1/score?explain=true", content=crop, headers=PNG)
    face = images(response)[0]["faces"][0]
    assert response.json()["model"] == row["model"]
    for name in ("status", "raw", "score", "uqs", "level", "reasons", "factors", "measures"):
        assert face[name] == row[name], name
    assert len(face["advice"]) == len(face["reasons"])


def test_reasons_come_when_they_are_asked_for(service, crop):
    face = images(service.post("/v1/score", content=crop, headers=PNG))[0]["faces"][0]
    assert (face["factors"], face["measures"], face["reasons"]) == (None, None, [])


def test_every_image_of_a_form_has_its_result_in_order(service, crop):
    contents = [crop, b"", b"no image", crop[:200], crop]
    files = [("i", (f"../../etc/{n}", content)) for n, content in enumerate(contents)]
    told = images(service.post("/v1/score", files=files))
    assert [image["index"] for image in told] == [0, 1, 2, 3, 4]
    statuses = [image["status"] for image in told]
    assert statuses == ["ok", "empty_file", "unsupported_format", "truncated", "ok"]
    assert [image["meaning"] for image in told] == [STATUSES[status] for status in statuses]
    assert [len(image["faces"]) for image in told] == [1, 0, 0, 0, 1]


def test_hostile_files_are_statuses(service, hostile_folder):
    small = [p for p in hostile_folder if p.is_file() and p.stat().st_size < 2**20]
    known = {p: hostile_folder[p] for p in small if hostile_folder[p] != "ok"}
    whole = {p: s for p, s in known.items() if s not in ("unreadable", "not_found")}
    assert {"truncated", "corrupt", "empty_file", "unsupported_format"} <= set(whole.values())
    for path, status in whole.items():
        told = images(service.post("/v1/score", content=path.read_bytes(), headers=PNG))
        assert told[0]["status"] == status, path.name


def test_a_bomb_is_too_large(service, hostile):
    for bomb in (hostile.webp_bomb(), hostile.png_of(60_000, 60_000)):
        told = images(service.post("/v1/score", content=bomb, headers=PNG))
        assert told[0]["status"] == "too_large"


def test_the_review_and_its_cut_can_be_asked_for(service, crop, good_crop):
    def told(query: str, content: bytes = good_crop) -> tuple:
        image = images(service.post(f"/v1/score?{query}", content=content, headers=PNG))[0]
        return image["accepted"], image["review_reasons"]

    assert told("review=off") == (None, [])
    assert told("min_score=0") == (True, [])
    assert told("min_score=1") == (False, ["score_below_minimum"])
    assert told("review=standard&min_score=0") == (True, [])
    assert told("review=strict&min_score=0") == (True, [])
    # a drawn face scores under 60, and so the part that costs it most is a reason
    accepted, reasons = told("review=strict&min_score=0", crop)
    assert not accepted
    assert reasons[0].startswith("unusual_")
    assert not any(reason.startswith("unusual_") for reason in reasons[1:])


def test_a_strict_review_finds_reasons_without_being_asked_to_explain(service, crop):
    stream = io.BytesIO()
    with Image.open(io.BytesIO(crop)) as picture:
        picture.point(lambda value: value // 12).save(stream, format="PNG")
    dark = stream.getvalue()
    asked = service.post("/v1/score?explain=true", content=dark, headers=PNG)
    reasons = images(asked)[0]["faces"][0]["reasons"]
    assert "underexposed" in reasons
    query = "/v1/score?review=strict&min_score=0"
    image = images(service.post(query, content=dark, headers=PNG))[0]
    assert (image["accepted"], image["review_reasons"]) == (False, reasons)


def test_parameters_are_checked_and_not_repeated(service, crop):
    for query in ("explian=1", "faces=some", "min_score=2", "min_score=nan", "review=harsh"):
        told = problem(
            service.post(f"/v1/score?{query}", content=crop, headers=PNG), 422, "invalid"
        )
        assert query.partition("=")[0] in told["detail"]
    told = problem(service.post("/v1/score?faces=<script>", content=crop), 422, "invalid")
    assert "script" not in told["detail"]


@pytest.mark.parametrize("path", ["/v1/score", "/v1/select"])
def test_an_option_that_is_given_twice_is_refused(service, crop, path):
    for query in ("language=de&language=en", "language=de&%6canguage=de", "x&x"):
        told = problem(service.post(f"{path}?{query}", content=crop, headers=PNG), 422, "invalid")
        assert told["detail"] == "Each option may be given once."


def test_an_address_with_a_slash_behind_it_is_another(service, crop):
    problem(service.post("/v1/score/", content=crop, headers=PNG), 404, "not-found")


def test_options_that_come_again_are_answered_alike(service, crop, monkeypatch):
    def told(query: str):
        response = service.post(f"/v1/score?{query}", content=crop, headers=PNG)
        given = {name: value for name, value in response.json().items() if name != "request_id"}
        kind, length = (response.headers[name] for name in ("content-type", "content-length"))
        assert int(length) == len(response.content)
        return response.status_code, kind, given

    queries = ("", "explain=true&language=de", "explain=false&language=zh", "min_score=0.99")
    first = [told(query) for query in queries]
    assert len({json.dumps(one[2]) for one in first}) == len(queries)
    wrong = [told(query) for query in ("explain=x", "faces=x", "explain=1&a=b")]
    assert {one[0] for one in wrong} == {422}
    monkeypatch.setattr("fastapi.routing.solve_dependencies", None)  # who checks once more fails
    assert [told(query) for query in queries] == first
    monkeypatch.undo()
    assert [told(query) for query in ("explain=x", "faces=x", "explain=1&a=b")] == wrong


def test_the_options_that_are_remembered_are_bounded(crop):
    from fiqa.service.options import KNOWN, LONGEST

    with stuck(deadline=0.001) as client:
        router = client.app.app.router
        (route,) = (r for r in router.routes if getattr(r, "path", "") == "/v1/score")
        for number in range(2 * KNOWN + 3):
            client.post(f"/v1/score?min_score=0.{number}", content=crop, headers=PNG)
            assert 0 < len(route.known) <= KNOWN
        assert b"min_score=0.%d" % (2 * KNOWN + 2) in route.known
        client.post("/v1/score?min_score=0." + "1" * LONGEST, content=crop, headers=PNG)
        client.post("/v1/score?min_score=x", content=crop, headers=PNG)
        assert max(map(len, route.known)) <= LONGEST
        assert b"min_score=x" not in route.known


def test_errors_have_one_shape(service):
    problem(service.get("/nothing"), 404, "not-found")
    assert problem(service.get("/v1/score"), 405, "method")
    problem(service.post("/v1/embed", content=b""), 404, "not-found")
    problem(service.post("/v1/score", json={"url": "http://127.0.0.1/"}), 415, "media-type")
    problem(
        service.post("/v1/score", content=b"x", headers={"content-type": "multipart/form-data"}),
        400,
        "bad-body",
    )
    problem(
        service.post("/v1/score", content=b"", headers={"authorization": "Bearer x"}),
        401,
        "unauthorized",
    )


def test_a_body_is_bounded_whether_it_says_its_length_or_not(service):
    most = ServiceSettings(tokens=("x",)).max_body
    large = b"x" * (most + 1)
    problem(service.post("/v1/score", content=large, headers=PNG), 413, "too-large")

    def chunks():
        yield from (large[i : i + 2**20] for i in range(0, len(large), 2**20))

    problem(service.post("/v1/score", content=chunks(), headers=PNG), 413, "too-large")


def test_every_response_has_the_headers_and_no_cors(service, crop):
    for path in (*ROUTES, "/nothing"):
        for response in (service.get(path), service.options(path, headers={"origin": "http://x"})):
            for name, value in SECURITY_HEADERS.items():
                assert response.headers[name] == value, path
            assert not any(name.startswith("access-control") for name in response.headers)
            assert "server" not in response.headers


def test_an_id_is_kept_where_it_is_one(service):
    assert (
        service.get("/healthz", headers={"x-request-id": "a.B-9_"}).headers["x-request-id"]
        == "a.B-9_"
    )
    for bad in ("", "a b", "a\tb", "x" * 65, "é".encode()):
        given = service.get("/healthz", headers={"x-request-id": bad}).headers["x-request-id"]
        assert len(given) == 32


def test_only_health_is_open(service):
    nobody = {"authorization": ""}
    for path in ROUTES:
        code = service.get(path, headers=nobody).status_code
        assert code == (200 if path in ("/healthz", "/readyz") else 401), path


def test_models_tells_what_is_loaded(service):
    told = service.get("/v1/models").json()
    assert told["scorer"]["name"] == fiqa.load().name
    assert told["scorer"]["sha256"] == fiqa.load().sha256
    assert (told["recognizer"], told["detector"]) == (None, "none")


def test_metrics_count(service, crop):
    def value(line: str) -> float:
        text = service.get("/metrics").text
        return next((float(t.split()[-1]) for t in text.splitlines() if t.startswith(line)), 0.0)

    names = ['fiqa_images_total{status="ok"}', 'fiqa_images_total{status="empty_file"}',
             'fiqa_requests_total{code="200",route="/v1/score"}', "fiqa_score_count"]  # fmt: skip
    before = [value(name) for name in names]
    service.post("/v1/score", files=[("i", ("a", crop)), ("i", ("b", b""))])
    assert [value(name) - old for name, old in zip(names, before, strict=True)] == [1, 1, 1, 1]
    assert value("fiqa_ready") == 1
    service.get("/made/up/address")
    assert "made" not in service.get("/metrics").text


def test_no_log_has_a_name_a_token_or_a_number_of_a_face(service, crop, caplog):
    caplog.set_level(logging.DEBUG)
    files = [("field-name", ("secret-name.png", crop)), ("field-name", ("secret-name", b"broken"))]
    service.post("/v1/score?explain=true", files=files)
    service.post("/v1/secret-name", content=crop)
    service.post(
        "/v1/score",
        content=b"secret-bytes",
        headers={"content-type": "multipart/form-data; boundary=secret-name"},
    )
    lines = [r.getMessage() for r in caplog.records if not r.name.startswith(("httpx", "httpcore"))]
    assert any("POST /v1/score 200" in line for line in lines)
    told = "\n".join(lines)
    for secret in ("secret", "field-name", "a-token-of", "uqs", "factors"):
        assert secret not in told


class Stuck(Engine):
    """An engine that is ready and never finds anything."""

    ready = True

    def __init__(self, settings: ServiceSettings) -> None:
        super().__init__(settings)
        self.finders.submit = lambda value: Future()  # type: ignore[method-assign]
        self.about = {
            "scorer": {"name": "stuck", "version": ""},
            "recognizer": None,
            "detector": "",
        }

    def start(self) -> None:
        pass


def stuck(**changes) -> TestClient:
    settings = ServiceSettings(detector="none", **{"deadline": 0.2} | changes)
    return TestClient(build(settings, engine=Stuck(settings)), base_url="http://localhost")


def test_a_request_that_is_not_done_in_time_is_told_to_come_again(crop):
    with stuck() as client:
        response = client.post("/v1/score", content=crop, headers=PNG)
    problem(response, 503, "deadline")
    assert response.headers["retry-after"] == "1"


def test_beyond_the_queue_the_answer_is_429(crop):
    with stuck(queue=2) as client:
        response = client.post("/v1/score", files=[("i", ("a", crop))] * 3)
        problem(response, 429, "busy")
        assert int(response.headers["retry-after"]) >= 1
        problem(client.post("/v1/score", files=[("i", ("a", crop))] * 2), 503, "deadline")
        # what was late is not counted for ever
        problem(client.post("/v1/score", files=[("i", ("a", crop))] * 2), 503, "deadline")


def test_bodies_that_are_held_together_are_bounded(crop):
    with stuck(held=100) as client:
        problem(client.post("/v1/score", content=b"x" * 200, headers=PNG), 429, "busy")
        assert client.post("/v1/score", content=b"x" * 50, headers=PNG).status_code == 503


def test_a_token_that_asks_too_often_waits(crop):
    with stuck(tokens=("t" * 16,), rate=0.5) as client:
        header = {"authorization": "Bearer " + "t" * 16}
        codes = [client.get("/v1/models", headers=header).status_code for _ in range(3)]
        response = client.get("/v1/models", headers=header)
        assert client.get("/healthz").status_code == 200
    assert codes == [200, 429, 429]
    problem(response, 429, "rate")
    assert int(response.headers["retry-after"]) in (1, 2)


async def asked(app, receive, sent: list[dict]) -> None:
    """Gives an application a request as a server does."""

    async def send(message: dict) -> None:
        sent.append(message)

    headers = [(b"host", b"localhost"), (b"content-type", b"image/png")]
    scope = {"type": "http", "method": "POST", "path": "/v1/score", "query_string": b""}
    scope |= {"headers": headers, "http_version": "1.1", "scheme": "http"}
    scope |= {"server": ("localhost", 80), "client": ("127.0.0.1", 1), "root_path": ""}
    await app(scope, receive, send)


def test_a_body_that_dribbles_is_cut_off():
    async def dribble() -> dict:
        await asyncio.sleep(0.05)
        return {"type": "http.request", "body": b"x", "more_body": True}

    sent: list[dict] = []
    with stuck(deadline=0.3) as client:
        began = time.monotonic()
        asyncio.run(asked(client.app, dribble, sent))
        assert sent[0]["status"] == 408
        assert time.monotonic() - began < 60


def test_a_request_that_the_end_of_the_service_cuts_off_is_told_so(crop):
    async def whole() -> dict:
        return {"type": "http.request", "body": crop, "more_body": False}

    async def cut_off(app) -> list[dict]:
        sent: list[dict] = []
        task = asyncio.ensure_future(asked(app, whole, sent))
        await asyncio.sleep(0.2)
        assert not task.done()
        task.cancel()
        await asyncio.wait([task])
        return sent

    with stuck(deadline=600) as client:
        start, body = asyncio.run(cut_off(client.app))
    assert (start["status"], dict(start["headers"])[b"retry-after"]) == (503, b"2")
    assert json.loads(body["body"])["type"] == "urn:fiqa:problem:stopping"


def test_before_it_is_loaded_it_says_so(crop):
    settings = ServiceSettings(detector="none")
    engine = Engine(settings)
    engine.start = lambda: None  # type: ignore[method-assign]
    with TestClient(build(settings, engine=engine), base_url="http://localhost") as client:
        assert client.get("/healthz").status_code == 200
        assert (client.get("/readyz").status_code, client.get("/readyz").json()) == (
            503,
            {"status": "starting"},
        )
        problem(client.get("/v1/models"), 503, "starting")
        problem(client.post("/v1/score", content=crop, headers=PNG), 503, "starting")
        engine.error = ValueError("no")
        assert client.get("/readyz").json() == {"status": "failed"}
        assert (client.get("/healthz").status_code, client.get("/readyz").status_code) == (503, 503)


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", ""]
)
def test_without_a_token_another_name_of_the_host_is_refused(host):
    with stuck() as client:
        problem(client.get("/v1/models", headers={"host": host}), 400, "host")
        for own in ("localhost", "127.0.0.1:8000", "[::1]:8000"):
            assert client.get("/v1/models", headers={"host": own}).status_code == 200


def test_a_fault_is_a_problem_and_its_message_stays_out_of_log_and_answer(caplog):
    class Faulty(Stuck):
        @property
        def ready(self) -> bool:
            raise RuntimeError("secret")

    settings = ServiceSettings(detector="none")
    caplog.set_level(logging.DEBUG)
    with TestClient(
        build(settings, engine=Faulty(settings)),
        base_url="http://localhost",
        raise_server_exceptions=False,
    ) as client:
        told = problem(client.get("/v1/models"), 500, "internal")
    assert "secret" not in json.dumps(told)
    assert "RuntimeError" in caplog.text
    assert "secret" not in caplog.text


def test_statuses_are_explained_in_the_language(service):
    for language in ("en", "de", "zh", "es"):
        told = service.post(f"/v1/score?language={language}", content=b"x", headers=PNG)
        (image,) = images(told)
        assert image["meaning"] == meaning(image["status"], language)


def test_vectors_where_a_recognizer_is_configured(tiny_recognizer, crop):
    settings = ServiceSettings(detector="none", recognizer=str(tiny_recognizer()))
    with TestClient(build(settings), base_url="http://localhost") as client:
        end = time.monotonic() + 120
        while client.get("/readyz").status_code != 200 and time.monotonic() < end:
            time.sleep(0.05)
        told = client.post("/v1/embed", files=[("i", ("a", crop)), ("i", ("b", b""))]).json()
        assert client.get("/v1/models").json()["recognizer"]["name"] == "tiny"
    first, second = told["images"]
    vector = first["faces"][0]["vector"]
    assert told["recognizer"] == "tiny"
    assert sum(x * x for x in vector) == pytest.approx(1.0)
    assert len(vector) == 8
    assert first["faces"][0]["norm"] > 0
    assert (second["status"], second["faces"]) == ("empty_file", [])


def described() -> dict:
    settings = ServiceSettings(detector="none", recognizer="recognizer.onnx")
    engine = Engine(settings)
    return application(settings, engine, Metrics(engine)).openapi()


def test_openapi_is_pinned():
    told = json.loads(json.dumps(described()))
    assert told == json.loads(PINNED.read_text()), (
        "the description of the service changed: where it should, write it anew with"
        " python tests/golden/write_openapi.py"
    )


def test_openapi_is_whole():
    told = described()
    assert told["openapi"].startswith("3.1.")
    assert set(told["paths"]) == set(ROUTES) - {"/openapi.json"}
    text = json.dumps(told)
    for name in {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}:
        assert name in told["components"]["schemas"], name
    for path, methods in told["paths"].items():
        for operation in methods.values():
            open_ = path in ("/healthz", "/readyz")
            assert ("security" in operation) != open_
            assert open_ or "401" in operation["responses"]
            assert "HTTPValidationError" not in json.dumps(operation)


def test_telemetry_of_the_framework_is_off(monkeypatch):
    monkeypatch.setenv("FASTAPI_OTEL_AUTO_CONFIGURE", "true")
    settings = ServiceSettings(detector="none")
    engine = Engine(settings)
    app = application(settings, engine, Metrics(engine))
    own = getattr(app, "_telemetry", {})
    switches = ("tracing", "metrics", "logs", "operation_spans", "auto_configure")
    assert not any(own.get(name) for name in switches)
