"""The samples for nginx: each is taken as it is, and balances as it says."""

import subprocess
import threading
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.error import HTTPError
from uuid import UUID

import pytest

from devtools import debian
from devtools.ports import free_port
from tests.waiting import GENEROUS, eventually

SAMPLES = Path(__file__).resolve().parents[3] / "deploy" / "nginx"
WAYS = sorted(path.stem for path in SAMPLES.glob("*.conf") if path.stem != "site")
FRONT, PRIVATE = 8080, 8081
SAMPLED = (8001, 8002, FRONT, PRIVATE)  # the ports that stand in the samples
MAIN = """
daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ }}
http {{
    access_log off;
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    include {folder}/way.conf;
    include {folder}/site.conf;
}}
"""


class Replica(BaseHTTPRequestHandler):
    """Says which one it is."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        said = str(self.server.server_address[1]).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Quietly."""


@pytest.fixture
def servers() -> Iterator[list[ThreadingHTTPServer]]:
    """Two replicas."""
    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Replica) for _ in range(2)]
    for server in servers:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def replicas(servers) -> list[int]:
    """Their ports."""
    return [server.server_address[1] for server in servers]


Ask = Callable[..., str]


@pytest.fixture
def door(replicas, tmp_path) -> Iterator[Callable[[str], Ask]]:
    """Opens nginx with one of the samples; asks through it, and tells who answered."""
    nginx = debian.ensure("nginx")
    running: list[subprocess.Popen] = []

    def open_door(way: str) -> Ask:
        ports = dict(zip(SAMPLED, [*replicas, free_port(), free_port()], strict=True))
        for name, target in ((way, "way"), ("site", "site")):
            text = (SAMPLES / f"{name}.conf").read_text()
            for sample, real in ports.items():
                text = text.replace(f"127.0.0.1:{sample}", f"127.0.0.1:{real}")
            (tmp_path / f"{target}.conf").write_text(text)
        (tmp_path / "nginx.conf").write_text(MAIN.format(folder=tmp_path))
        command = [nginx, "-e", f"{tmp_path}/error.log", "-c", f"{tmp_path}/nginx.conf"]
        checked = subprocess.run([*command, "-t"], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr
        running.append(subprocess.Popen(command))

        def ask(path: str = "/", *, at: int = FRONT, **headers: str) -> str:
            request = urllib.request.Request(f"http://127.0.0.1:{ports[at]}{path}")
            for name, value in headers.items():
                request.add_header(name, value)
            with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
                return answer.read().decode()

        def answers() -> bool:
            with suppress(OSError):
                return bool(ask())
            return False

        eventually(answers)
        return ask

    yield open_door
    for process in running:
        process.terminate()
        process.wait()


@pytest.mark.parametrize("way", ["round-robin", "least-connections"])
def test_every_replica_gets_its_half(door, way):
    ask = door(way)
    assert sorted(Counter(ask() for _ in range(20)).values()) == [10, 10]


def test_the_larger_machine_gets_three_times_as_much(door, replicas):
    ask = door("weighted")
    assert Counter(ask() for _ in range(40)) == {str(replicas[0]): 30, str(replicas[1]): 10}


def test_a_person_stays_where_the_session_is(door):
    ask = door("sticky")
    homes = [{ask(Cookie=f"sessionid={name}") for _ in range(5)} for name in range(20)]
    assert all(len(home) == 1 for home in homes)
    assert len(set.union(*homes)) == 2


def test_a_conversation_stays_whoever_asks_for_it(door):
    ask = door("consistent-hash")
    paths = [f"/ws/conversations/{UUID(int=number)}/" for number in range(20)]
    homes = [{ask(path, Cookie=f"sessionid={name}") for name in range(5)} for path in paths]
    assert all(len(home) == 1 for home in homes)
    assert len(set.union(*homes)) == 2


def test_a_replica_that_refuses_is_passed_over(door, servers, replicas):
    servers[0].shutdown()
    servers[0].server_close()
    ask = door("round-robin")
    assert {ask() for _ in range(10)} == {str(replicas[1])}


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/healthz", "/metrics"])
def test_whoever_watches_asks_one_replica_at_a_port_of_its_own(door, replicas, path):
    ask = door("round-robin")
    assert {ask(path, at=PRIVATE) for _ in range(4)} == {str(replicas[0])}
    for refused in ({"path": path}, {"path": "/", "at": PRIVATE}):
        with pytest.raises(HTTPError, match="404") as answer:
            ask(**refused)
        answer.value.close()


def test_every_sample_has_a_test():
    assert WAYS == ["consistent-hash", "least-connections", "round-robin", "sticky", "weighted"]
