"""The nginx of docs/deploy.md, before a server that says what reaches it; hostile requests too."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.harness.deployment import HOST, NGINX, Answer, Deployment, Nginx, send

pytestmark = pytest.mark.skipif(NGINX is None, reason="nginx is not installed")

OWN = f"Host: {HOST}\r\n"
FOREIGN = "Host: evil.example\r\n"
MANY_HEADERS = "".join(f"X-{number}: {'x' * 8000}\r\n" for number in range(12))
SECRET = "canary-of-a-token"


class Echo(BaseHTTPRequestHandler):
    """Answers with what reached it."""

    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        size = len(self.rfile.read(int(self.headers["Content-Length"] or 0)))
        seen = {"target": self.path, "headers": self.headers.items(), "body": size}
        text = json.dumps(seen).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    do_GET = do_POST = answer  # noqa: N815  (the names that http.server asks for)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    deployment = Deployment(tmp_path_factory.mktemp("machine"))
    nginx = Nginx(deployment)
    ports = deployment.servers.values()
    echoes = [ThreadingHTTPServer(("127.0.0.1", port), Echo) for port in ports]
    for echo in echoes:
        Thread(target=echo.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    try:
        nginx.start()
        yield deployment
    finally:
        nginx.stop()
        for echo in echoes:
            echo.shutdown()
            echo.server_close()


@pytest.fixture(scope="module")
def tls(site: Deployment) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=site.path("/etc/ssl/realtime.pem"))


def request(target: str = "/", headers: str = OWN, *, method: str = "GET") -> bytes:
    return f"{method} {target} HTTP/1.1\r\n{headers}Connection: close\r\n\r\n".encode()


def seen(answer: Answer | None) -> tuple[dict[str, Any], dict[str, str]]:
    """Return what the server behind nginx saw: all of it, and its headers by lower-case name."""
    assert answer is not None
    assert answer.status == 200, answer
    found = json.loads(answer.body)
    headers: dict[str, str] = {}
    for name, value in found["headers"]:
        assert name.lower() not in headers, "one header twice"
        headers[name.lower()] = value
    return found, headers


# --- the port that redirects


@pytest.mark.parametrize(
    "target",
    [
        "/",
        "/admin/?next=/a%20b",
        "/%0d%0aSet-Cookie:%20session=evil",
        "/%0D%0ALocation:%20https://evil.example/?%0d%0aX-A:%201",
        "/%0d%0a%0d%0a<script>alert(1)</script>",
        "/%E5%98%8A%E5%98%8DSet-Cookie:a=1",
        "//evil.example/",
        "/..%2f..%2f@evil.example",
        "/%00",
    ],
)
def test_a_redirect_is_to_the_same_address_of_this_site(site: Deployment, target: str) -> None:
    answer = send(site.http, request(target))
    assert answer is not None
    if answer.status == 400:  # nginx takes no NUL
        return
    assert answer.status == 301
    assert answer.headers["Location"] == f"https://{HOST}{target}"
    assert "Set-Cookie" not in answer.headers
    assert "X-A" not in answer.headers


def test_no_host_of_a_client_is_in_a_redirect(site: Deployment) -> None:
    for text in (f"GET http://{HOST}/a HTTP/1.1\r\n{FOREIGN}", f"GET /a HTTP/1.1\r\n{OWN.upper()}"):
        answer = send(site.http, f"{text}Connection: close\r\n\r\n".encode())
        assert answer is not None
        assert answer.headers["Location"] == f"https://{HOST}/a"


# --- names that are not this site's


@pytest.mark.parametrize(
    "headers",
    [
        FOREIGN,
        "Host: 127.0.0.1\r\n",
        f"Host: {HOST}.evil.example\r\n",
        f"Host: evil.example:443\r\nX-Forwarded-Host: {HOST}\r\n",
        "Host: _\r\n",
    ],
)
def test_a_foreign_host_gets_no_answer(site: Deployment, tls: ssl.SSLContext, headers: str) -> None:
    assert send(site.http, request(headers=headers)) is None
    assert send(site.https, request(headers=headers), tls=tls) is None


def test_nor_does_one_that_names_none(site: Deployment, tls: ssl.SSLContext) -> None:
    for text in ("GET / HTTP/1.0\r\n\r\n", f"GET http://evil.example/ HTTP/1.1\r\n{OWN}\r\n"):
        assert send(site.http, text.encode()) is None
        assert send(site.https, text.encode(), tls=tls) is None
    tls = ssl.create_default_context(cafile=site.path("/etc/ssl/realtime.pem"))
    tls.check_hostname = False
    assert send(site.https, request(headers=FOREIGN), tls=tls, name="evil.example") is None


@pytest.mark.parametrize(
    "text",
    [
        f"GET / HTTP/1.1\r\n{OWN}{FOREIGN}\r\n",
        f"GET / HTTP/1.1\r\nHost: evil.example/@{HOST}\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: \r\n\r\n",
        f"POST / HTTP/1.1\r\n{OWN}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        f"POST / HTTP/1.1\r\n{OWN}Content-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
        f"GET / HTTP/1.1\r\n{OWN}Cookie: {'x' * 20_000}\r\n\r\n",
        f"GET /{'x' * 20_000} HTTP/1.1\r\n{OWN}\r\n",
        f"GET / HTTP/1.1\r\n{OWN}{MANY_HEADERS}\r\n",
    ],
)
def test_what_is_malformed_or_huge_goes_no_further(
    site: Deployment, tls: ssl.SSLContext, text: str
) -> None:
    answer = send(site.https, text.encode(), tls=tls)
    assert answer is None or 400 <= answer.status < 500


# --- what reaches the servers


def test_the_servers_are_told_what_nginx_knows(site: Deployment, tls: ssl.SSLContext) -> None:
    lies = (
        "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-Proto: http\r\nDaphne-Root-Path: /evil\r\n"
        "X_Forwarded_Proto: http\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"
    )
    found, headers = seen(send(site.https, request("/a%2Fb?c=d", f"{OWN}{lies}"), tls=tls))
    assert found["target"] == "/a%2Fb?c=d"
    assert headers["host"] == HOST
    assert headers["x-forwarded-for"] == "127.0.0.1"
    assert headers["x-forwarded-proto"] == "https"
    assert not headers.keys() & {"daphne-root-path", "x_forwarded_proto", "upgrade"}
    assert headers.get("connection") in (None, "close")


def test_a_websocket_is_let_through(site: Deployment, tls: ssl.SSLContext) -> None:
    text = (
        f"GET /ws/ HTTP/1.1\r\n{OWN}Upgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n\r\n"
    )
    _, headers = seen(send(site.https, text.encode(), tls=tls))
    assert (headers["upgrade"], headers["connection"]) == ("websocket", "upgrade")


def test_a_long_token_passes(site: Deployment, tls: ssl.SSLContext) -> None:
    token = "x" * 15_000
    _, headers = seen(
        send(site.https, request(headers=f"{OWN}Authorization: {token}\r\n"), tls=tls)
    )
    assert headers["authorization"] == token


@pytest.mark.parametrize(
    "target",
    [
        "/metrics",
        "/health/live",
        "//health/ready",
        "/a/../metrics",
        "/%6Detrics",
        "/a/..%2fhealth/",
    ],
)
def test_what_operators_ask_is_not_public(
    site: Deployment, tls: ssl.SSLContext, target: str
) -> None:
    answer = send(site.https, request(target), tls=tls)
    assert answer is not None
    assert answer.status == 404


def test_a_picture_passes_and_no_more(site: Deployment, tls: ssl.SSLContext) -> None:
    def post(size: int) -> Answer | None:
        head = request("/", f"{OWN}Content-Length: {size}\r\n", method="POST")
        return send(site.https, head + bytes(size), tls=tls)

    found, _ = seen(post(10 * 2**20 + 100_000))
    assert found["body"] == 10 * 2**20 + 100_000
    refused = send(
        site.https,
        request("/", f"{OWN}Content-Length: {12 * 2**20}\r\n", method="POST"),
        tls=tls,
    )
    assert refused is not None
    assert refused.status == 413


# --- the log


def test_no_log_has_a_token_or_a_line_of_a_client(site: Deployment, tls: ssl.SSLContext) -> None:
    query = f"?token={SECRET}&ticket={SECRET}"
    authorization = f"Authorization: Bearer {SECRET}\r\n"
    for headers in (OWN, FOREIGN, f"{OWN}Cookie: {'x' * 20_000}\r\n", f"{OWN}{OWN}"):
        text = request(f"/ws/{query}", f"{headers}{authorization}Referer: /{query}\r\n")
        send(site.http, text)
        send(site.https, text, tls=tls)
    send(site.https, request('/%0a127.0.0.1 - "forged"', OWN), tls=tls)
    send(site.https, request("/%0aforged%22", f'{OWN}User-Agent: a\x1b[2J"b\r\n'), tls=tls)
    log = site.log()
    assert '"GET /ws/" 301' in log
    assert SECRET not in log
    assert "\x1b" not in log
    assert all(line.startswith("127.0.0.1 [") for line in log.splitlines()), log
