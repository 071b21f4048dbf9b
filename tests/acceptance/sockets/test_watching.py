"""A real replica, watched from outside: its probes, its numbers, its log."""

import json
import os
import signal
import urllib.error
import urllib.request

from conversations.models import Turn
from conversations.threads import in_thread
from tests.acceptance.sockets.test_sockets import accepted, subscribed
from tests.waiting import GENEROUS, eventually


def get(replica, path, **headers):
    """Status, headers, body."""
    request = urllib.request.Request(f"http://127.0.0.1:{replica.port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=GENEROUS) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code, refused.headers, refused.read().decode()


def test_a_replica_that_is_taken_out_says_so_and_serves_on(replica):
    os.kill(replica.process.pid, signal.SIGUSR1)
    eventually(lambda: get(replica, "/readyz")[0] == 503)
    parts = json.loads(get(replica, "/readyz")[2])["parts"]
    assert [name for name, part in parts.items() if part["status"] != "ok"] == ["draining"]
    assert get(replica, "/livez")[0] == get(replica, "/login/")[0] == 200


def test_a_request_keeps_its_id_in_the_answer_and_in_the_log(replica):
    _, headers, _ = get(replica, "/login/?next=/my-diary", **{"X-Request-ID": "click-4711"})
    assert headers["X-Request-ID"] == "click-4711"
    made = get(replica, "/login/", **{"X-Request-ID": "not an id"})[1]["X-Request-ID"]
    assert len(made) == 32

    def lines():
        whole = replica.log.read_text().rpartition("\n")[0]
        entries = map(json.loads, whole.splitlines())
        return [entry for entry in entries if entry.get("request") == "click-4711"]

    (line,) = eventually(lines)
    assert (line["event"], line["path"], line["status_code"]) == ("request", "/login/", 200)
    assert "my-diary" not in replica.log.read_text()


async def test_open_sockets_and_requests_are_counted(replica):
    get(replica, "/login/")
    async with replica.connect():
        for counted in (  # a moment after whoever is counted has the answer
            'agentsite_sockets{kind="websocket"} 1.0',
            'agentsite_requests_total{method="GET",route="page",status="200"}',
            'agentsite_request_seconds_count{route="page"}',
            'agentsite_loop_lag_seconds_count{role="replica"}',
        ):
            eventually(lambda: counted in get(replica, "/metrics")[2])  # noqa: B023 - called at once
    eventually(lambda: 'agentsite_sockets{kind="websocket"} 0.0' in get(replica, "/metrics")[2])


async def test_a_turn_keeps_the_id_of_the_socket_that_it_came_by(replica):
    async with replica.connect(**{"X-Request-ID": "tab-4711"}) as socket:
        await subscribed(socket)
        await accepted(socket)
    turn = await in_thread(Turn.objects.get)
    assert turn.origin == {"request": "tab-4711"}
