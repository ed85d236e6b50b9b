"""The files of docs/deploy.md, put where the page has them, but below a directory of a test."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from configparser import ConfigParser
from contextlib import ExitStack
from email.message import Message
from http.client import HTTPResponse, RemoteDisconnected
from pathlib import Path
from typing import NamedTuple

from cryptography import x509

from tests.harness.certificates import new_certificate
from tests.harness.ports import free_port
from tests.harness.process import ROOT, ServerProcess

HOST = "realtime.example.org"
NGINX = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")

_FILE = re.compile(r"^```\w+\n# file: (?P<path>\S+)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_MAIN = """
daemon off;
worker_processes 1;
pid {root}/nginx.pid;
error_log {root}/var/log/nginx/main.log;
{user}
events {{ worker_connections 256; }}
http {{
    client_body_temp_path {root}/tmp/body;
    proxy_temp_path {root}/tmp/proxy;
    fastcgi_temp_path {root}/tmp/fastcgi;
    uwsgi_temp_path {root}/tmp/uwsgi;
    scgi_temp_path {root}/tmp/scgi;
    # As Debian has it: it holds whole requests.
    access_log {root}/var/log/nginx/access.log;
    include {root}/etc/nginx/conf.d/*.conf;
}}
"""
_SYSTEMCTL = """#!/bin/sh
# systemctl restart UNIT: has `restarting` do it, and waits for that.
echo "$2" > {root}/to-restart
read -r done < {root}/restarted
"""
_RUNUSER = '#!/bin/sh\n# runuser -u realtime -- COMMAND\nshift 3\nexec "$@"\n'


def files() -> dict[str, str]:
    """Return the files of the page: path → text."""
    page = (ROOT / "docs" / "deploy.md").read_text()
    return {found["path"]: found["text"] for found in _FILE.finditer(page)}


class Answer(NamedTuple):
    status: int
    headers: Message
    body: bytes


class Deployment:
    """One machine, set up by the page; its ports and directories are a test's own."""

    def __init__(self, root: Path, **environment: str) -> None:
        """`environment` replaces values of the page's environment file."""
        self.root = root
        self.http, self.https = free_port(), free_port()
        self.servers = {"8011": free_port(), "8012": free_port()}
        for name in ("var/log/nginx", "var/lib/realtime", "etc/ssl", "srv", "tmp", "bin"):
            (root / name).mkdir(parents=True)
        (root / "srv/realtime").symlink_to(ROOT)
        for path, text in files().items():
            self._write(path, self._placed(text))
        self._write("/bin/runuser", _RUNUSER)
        self._write("/bin/systemctl", _SYSTEMCTL.format(root=root))
        os.mkfifo(root / "to-restart")
        os.mkfifo(root / "restarted")
        env_file = self.path("/etc/realtime.env")
        replaced = "".join(f"{name}={shlex.quote(value)}\n" for name, value in environment.items())
        env_file.write_text(env_file.read_text() + replaced)
        certificate = new_certificate(self.path("/etc/ssl/realtime.pem"), x509.DNSName(HOST))
        self.path("/etc/ssl/realtime.key").symlink_to(certificate)  # it has both

    def path(self, path: str) -> Path:
        """Return where a file of the page is."""
        return self.root / path.removeprefix("/")

    def _write(self, path: str, text: str) -> None:
        file = self.path(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
        if text.startswith("#!"):
            file.chmod(0o755)

    def _placed(self, text: str) -> str:
        text = re.sub(r"(?<![\w/.])/(srv|etc|var|usr/local)/", rf"{self.root}/\1/", text)
        text = text.replace("listen 80", f"listen 127.0.0.1:{self.http}")
        text = text.replace("listen 443", f"listen 127.0.0.1:{self.https}")
        for port, ours in self.servers.items():
            text = re.sub(rf"\b{port}\b", str(ours), text)
        return text

    @property
    def environment(self) -> dict[str, str]:
        """What systemd would read from the page's environment file."""
        pairs = (
            shlex.split(line)[0].split("=", 1)
            for line in self.path("/etc/realtime.env").read_text().splitlines()
        )
        clean = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        return clean | dict(pairs)

    def run(self, script: str, *arguments: str) -> str:
        """Run one of the page's scripts and return what it printed."""
        done = subprocess.run(
            [self.path(f"/usr/local/bin/{script}"), *arguments],
            env={"PATH": f"{self.root}/bin:{os.environ['PATH']}"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=110,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def restart(self, services: Mapping[str, Service]) -> None:
        """Run the page's script that restarts; `services` are restarted by unit."""
        with ThreadPoolExecutor(1) as pool:
            script = pool.submit(self.run, "realtime-restart")
            for _ in services:
                service = services[(self.root / "to-restart").read_text().strip()]
                service.terminate()
                service.start()
                (self.root / "restarted").write_text("done\n")
            script.result()

    def log(self) -> str:
        """Return all that nginx has logged."""
        return "".join(
            file.read_text(errors="replace") for file in self.path("/var/log/nginx").iterdir()
        )


class Service(ServerProcess):
    """A unit of the page, with the command, the directory and the environment that it names."""

    def __init__(
        self, deployment: Deployment, unit: str, instance: str = "", *drop_ins: str
    ) -> None:
        parsed = ConfigParser(interpolation=None, strict=False, delimiters="=")
        parsed.optionxform = str  # type: ignore[assignment]  # systemd's names are not lower-case
        for file in (f"{unit}.service", *(f"{unit}.service.d/{name}" for name in drop_ins)):
            text = deployment.path(f"/etc/systemd/system/{file}").read_text()
            parsed.read_string(text.replace("\\\n", " ").replace("%i", instance))
        service = parsed["Service"]
        self.port = int(instance or 0)
        super().__init__(
            *shlex.split(service["ExecStart"]),
            environment=deployment.environment,
            log_path=deployment.root / f"{unit}{instance}.log",
            cwd=Path(service["WorkingDirectory"]),
        )

    def is_ready(self) -> bool:
        if not self.port:
            return " ready." in self.log
        with socket.socket() as connection:
            return connection.connect_ex(("127.0.0.1", self.port)) == 0


class Nginx:
    """An nginx with the page's configuration."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        assert NGINX is not None, "not installed"
        root = self.deployment.root
        user = "user root;" if os.geteuid() == 0 else ""
        (root / "nginx.conf").write_text(_MAIN.format(root=root, user=user))
        with (root / "nginx.out").open("wb") as out:
            self._process = subprocess.Popen(
                [NGINX, "-p", root, "-c", root / "nginx.conf", "-e", root / "nginx.out"],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
            )
        deadline = time.monotonic() + 10
        while True:
            with socket.socket() as connection:
                if connection.connect_ex(("127.0.0.1", self.deployment.https)) == 0:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop()
                raise RuntimeError((root / "nginx.out").read_text())
            time.sleep(0.02)

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None


def send(
    port: int, request: bytes, *, tls: ssl.SSLContext | None = None, name: str = HOST
) -> Answer | None:
    """Send bytes to a port, by TLS to this server name; None where no answer comes but the end."""
    with ExitStack() as open_sockets:
        connection = open_sockets.enter_context(socket.create_connection(("127.0.0.1", port), 10))
        if tls is not None:
            connection = open_sockets.enter_context(
                tls.wrap_socket(connection, server_hostname=name)
            )
        connection.sendall(request)
        response = HTTPResponse(connection)
        try:
            response.begin()
        except (RemoteDisconnected, ConnectionResetError):
            return None
        return Answer(response.status, response.headers, response.read())
