"""The official Python SDK's websocket against two replicas and real workers."""

import signal

import pytest
from openai.lib.responses_websocket import ResponsesWebSocketLimits, ResponsesWebSocketSession
from websockets.exceptions import ConnectionClosed

from tests.system.clients.valid import SLOW, text_of, valid, valid_events
from tests.waiting import GENEROUS

pytestmark = pytest.mark.slow
# The SDK calls the synchronous websockets as their newest release does not like it any more.
legacy = pytest.mark.filterwarnings("ignore:connect.. must be used as a context manager")
LIMITS = ResponsesWebSocketLimits(
    max_lanes=4,
    max_events_per_lane=1000,
    max_events=2000,
    max_bytes_per_lane=2**20,
    max_bytes=2**24,
)


@legacy
def test_lanes_of_a_websocket(clients):
    with (
        clients[1].responses.connect() as connection,
        ResponsesWebSocketSession(connection, limits=LIMITS) as session,
    ):
        one, two = session.lane("one"), session.lane("two")
        two.send({"type": "response.create", "input": SLOW})
        one.send({"type": "response.create", "input": "[[echo]] first"})
        first = valid(one.get_final_response(timeout=GENEROUS))
        one.send(
            {"type": "response.create", "input": "[[chain]]", "previous_response_id": first.id}
        )
        assert valid(one.get_final_response(timeout=GENEROUS)).previous_response_id == first.id
        assert valid(two.get_final_response(timeout=GENEROUS)).status == "completed"


@legacy
def test_a_websocket_is_steered(clients):
    with clients[0].responses.connect() as connection:
        connection.response.create(input="[[stall after=2]]")
        events = iter(connection)
        parent = next(e for e in events if e.type == "response.output_text.delta").response_id
        connection.response.steer(previous_response_id=parent, input="[[echo]] rather this")
        kinds = []
        for event in events:
            kinds.append(event.type)
            if event.type == "response.completed":
                break
    assert kinds.index("response.steer.accepted") < kinds.index("response.created")
    assert "response.incomplete" in kinds
    assert event.response.output_text.strip() == "[[echo]] rather this"


@legacy
def test_a_replica_that_drains_sends_its_websockets_elsewhere(clients, site):
    here, there = clients
    seen = []
    with here.responses.connect() as connection:
        connection.response.create(input=SLOW)
        seen.append(connection.recv())
        site.kill("replica-1", signal.SIGTERM)
        with pytest.raises(ConnectionClosed) as closed:
            seen.extend(connection)
    assert closed.value.rcvd.code == 1012
    site.start_again("replica-1")
    rest = there.responses.retrieve(
        seen[0].response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    events = [*seen, *valid_events(rest)]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    assert text_of(events) == events[-1].response.output_text
