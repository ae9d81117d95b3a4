"""An https server on the loopback interface that misbehaves as told, with a certificate made for the session."""

from __future__ import annotations

import datetime
import hashlib
import ipaddress
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from balanza.acquire.catalogue import Source

CONTENT = bytes(range(256)) * 1024
HALF = len(CONTENT) // 2


class Handler(BaseHTTPRequestHandler):
    server: HTTPServer

    def do_GET(self) -> None:
        self.server.log.append((self.path, self.headers.get("Range")))
        answers = self.server.answers[self.path]
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        answer(self)

    def head(self, status: int, **headers: object) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.send_header("Connection", "close")
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


class HTTPServer(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None: ...


Answer = Callable[[Handler], None]


@dataclass
class Server:
    """What was asked for, and what to answer, by path; the last answer of a list is repeated."""

    http: HTTPServer
    release: threading.Event = field(default_factory=threading.Event)

    def address(self, path: str, host: str = "127.0.0.1") -> str:
        return f"https://{host}:{self.http.server_port}{path}"

    def answer(self, path: str, *answers: Answer) -> str:
        self.http.answers[path] = list(answers)
        return self.address(path)

    @property
    def log(self) -> list[tuple[str, str | None]]:
        return self.http.log

    def whole(self, content: bytes = CONTENT, **headers: object) -> Answer:
        def answer(handler: Handler) -> None:
            handler.head(200, Content_Length=len(content), **headers)
            handler.wfile.write(content)

        return answer

    def ranges(self, content: bytes = CONTENT) -> Answer:
        """Serve what a Range header asks for, as a static server does."""

        def answer(handler: Handler) -> None:
            asked = handler.headers.get("Range")
            if asked is None:
                return self.whole(content)(handler)
            start = int(asked.removeprefix("bytes=").removesuffix("-"))
            if start >= len(content):
                return handler.head(416, Content_Range=f"bytes */{len(content)}")
            span = f"bytes {start}-{len(content) - 1}/{len(content)}"
            handler.head(206, Content_Range=span, Content_Length=len(content) - start)
            handler.wfile.write(content[start:])
            return None

        return answer

    def broken(self, content: bytes = CONTENT, stall: bool = False) -> Answer:
        """Send half of what was promised, then close, or stall until the test ends."""

        def answer(handler: Handler) -> None:
            handler.head(200, Content_Length=len(content))
            handler.wfile.write(content[: len(content) // 2])
            handler.wfile.flush()
            if stall:
                self.release.wait()

        return answer

    def status(self, code: int) -> Answer:
        return lambda handler: handler.head(code, Content_Length=0)

    def redirect(self, target: str) -> Answer:
        return lambda handler: handler.head(302, Location=target, Content_Length=0)


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    names = [x509.IPAddress(ipaddress.ip_address("127.0.0.1")), x509.DNSName("localhost")]
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = tmp_path_factory.mktemp("certificate")
    plain = serialization.NoEncryption()
    pem, traditional = serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL
    (folder / "key.pem").write_bytes(key.private_bytes(pem, traditional, plain))
    (folder / "certificate.pem").write_bytes(signed.public_bytes(pem))
    return folder


@pytest.fixture
def server(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    http = HTTPServer(("127.0.0.1", 0), Handler)
    http.answers, http.log = {}, []
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "certificate.pem", certificate / "key.pem")
    http.socket = context.wrap_socket(http.socket, server_side=True)
    threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate / "certificate.pem"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setattr("balanza.acquire.download.TIMEOUT", (10.0, 10.0))
    monkeypatch.setattr("balanza.acquire.download.RETRIES", 2)
    monkeypatch.setattr("pooch.core.time.sleep", lambda _: None)
    running = Server(http)
    yield running
    running.release.set()
    http.shutdown()
    http.server_close()


def make_source(url: str = "https://127.0.0.1/toy.csv", content: bytes = CONTENT, **changes: object) -> Source:
    row = {
        "id": "toy",
        "file": "toy.csv",
        "reader": "toy",
        "url": url,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "agency": "An agency",
        "title": "A toy, for tests",
        "unit": "state x year",
        "licence": "MIT",
        "retrieved": "2026-11-01",
        "layout": "",
    }
    return Source(**(row | changes))
