"""The websocket `/v1/responses`: responses on lanes, for programs with an API key."""

import asyncio
from typing import Any
from uuid import UUID

from channels.exceptions import StopConsumer

from conversations import keys, protocol, quotas, steering
from conversations.api import commands, handshakes
from conversations.api.bearer import admit, check_quota, check_scope
from conversations.api.errors import AWAY, known
from conversations.api.lanes import Lane, refusal
from conversations.api.responses import order_of
from conversations.api.watches import rest
from conversations.errors import (
    ConversationError,
    InvalidFrame,
    InvalidKey,
    NotFound,
    RateLimited,
)
from conversations.keys import Caller
from conversations.models import Scope, Turn
from conversations.quotas import Quota
from conversations.showing.announcements import acceptance, announce, announce_change
from conversations.sockets import crowds, standing
from conversations.sockets.base import Close, Socket, patience
from conversations.sockets.floods import Flood, Verdict
from conversations.threads import in_thread

ACTIVE = 16  # responses that are served at once
NAMED = 32  # lanes that a connection may name, ever
WAITING = 100  # responses that may wait in a connection's lanes
INVALID_KEY, FLOODING = 4401, 4429  # close codes, as of the browser's socket
STEER_CODES = {"not_found": "response_not_found", "rate_limited": "too_many_pending_steers"}


class StreamLimitReached(InvalidFrame):
    """This connection has named as many lanes as it may; use one of them."""

    code = "websocket_stream_limit_reached"


class ResponsesConsumer(Socket):
    """A program's connection."""

    _caller: Caller | None = None
    _quota: Quota | None = None

    async def _run(self, receive: Any) -> None:
        """Lanes end with the connection; their turns go on, and can be fetched by HTTP."""
        self._lanes: dict[str | None, Lane] = {}
        self._running: list[asyncio.Task[None]] = []
        self._floor = asyncio.Semaphore(ACTIVE)
        self._flood = Flood()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                await super()._run(receive)
                for task in self._running:
                    task.cancel()
        except* StopConsumer:  # of a lane: the client is gone or does not read
            pass
        finally:
            if self._caller:
                crowds.leave(self._caller.user.pk)

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        """Whoever may not come in hears it as by HTTP: by the status of the handshake."""
        try:
            self._caller = await self._admitted()
        except Exception as error:  # noqa: BLE001 - `known` logs it
            await handshakes.refuse(known(error), self._send, self._quota)
            raise StopConsumer from None
        await self.accept()
        self.pulse_timer.set(rest(self._caller))

    async def _admitted(self) -> Caller:
        handshakes.check_scheme(self.scope)
        self._secret = handshakes.secret(self.scope)
        caller, self._quota = await in_thread(admit, self._secret)
        check_quota(self._quota)
        check_scope(caller, Scope.WRITE)
        await self.join(standing.group(caller.user.pk))
        crowds.take(caller.user.pk)
        return caller

    async def pulse(self, message: dict[str, Any]) -> None:
        """A key that was revoked or has expired closes what it opened."""
        with patience():
            self._caller = await self._identify()
        if self._caller:
            self.pulse_timer.set(rest(self._caller))

    standing_changed = pulse

    async def _identify(self) -> Caller:
        try:
            return await in_thread(keys.caller, self._secret)
        except InvalidKey as error:
            raise Close(INVALID_KEY, error.message) from None

    # --- Frames of the client

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        verdict = self._flood.judge()
        if verdict is Verdict.FLOODING:
            raise Close(FLOODING, "Too many frames.")
        frame: dict[str, Any] = {}
        try:
            if verdict is Verdict.REFUSED:
                raise RateLimited
            frame = _read(message)
            if frame["type"] == "response.create":
                await self._create(frame)
            else:
                await self._steer(frame)
        except (ConversationError, *AWAY) as error:
            await self._refuse(known(error), frame)

    async def _refuse(self, error: ConversationError, frame: dict[str, Any]) -> None:
        lane = commands.lane_of(frame) if frame.get("type") == "response.create" else None
        await self.tell({**refusal(error), **({"stream_id": lane} if lane else {})})

    async def _create(self, frame: dict[str, Any]) -> None:
        command = commands.create(frame)
        caller = await self._counted()
        lane = self._lane(command.stream_id)
        if sum(each.waiting for each in self._lanes.values()) >= WAITING:
            raise RateLimited("Too many requests wait on this connection.")
        lane.add(await order_of(caller.user, command, key=command.idempotency_key))

    async def _counted(self) -> Caller:
        """Who asks, whose request is counted. Raises `RateLimited`."""
        caller = await self._identify()
        check_quota(await in_thread(quotas.take, caller.key.hex, caller.requests_per_minute))
        return caller

    def _lane(self, name: str | None) -> Lane:
        """The lane of this name, which begins with its first use."""
        if name not in self._lanes:
            if name is not None and len(self._lanes.keys() - {None}) >= NAMED:
                raise StreamLimitReached(param="stream_id")
            lane = self._lanes[name] = Lane(name, self.tell, self._floor)
            self._running.append(self._tasks.create_task(lane.run()))
        return self._lanes[name]

    async def _steer(self, frame: dict[str, Any]) -> None:
        """What cannot be accepted is given back, if it is anything that could be."""
        target = _named(frame)
        lane = next((one for one in self._lanes.values() if target and one.knows(target)), None)
        try:
            command = commands.steer(frame)
            if lane is None or target is None:
                raise NotFound("This connection has made no such response.")
            caller = await self._counted()
            turn = await in_thread(steering.steer, caller.user, target, command.items)
        except ConversationError as error:
            if not _can_be_given_back(frame):
                raise
            await (lane.tell if lane else self.tell)(_steer_failed(error, frame, lane, target))
            return
        await lane.tell(_steer_accepted(turn, command.previous_response_id, lane.told(target)))
        lane.append(turn)
        await announce(turn.conversation_id, acceptance(turn, turn.conversation.agent))
        await announce_change(turn.conversation_id)

    async def tell(self, frame: dict[str, Any]) -> None:
        """Raises `StopConsumer` when nobody listens any more."""
        if self.is_closed:
            raise StopConsumer
        await self.send_frame(frame)


def _read(message: dict[str, Any]) -> dict[str, Any]:
    if (text := message.get("text")) is None:
        raise InvalidFrame("A frame is text.")
    return commands.parsed(text)


def _named(frame: dict[str, Any]) -> UUID | None:
    """The turn of the response that a frame steers."""
    try:
        return protocol.turn_id(str(frame.get("previous_response_id")))
    except NotFound:
        return None


def _can_be_given_back(frame: dict[str, Any]) -> bool:
    return isinstance(frame.get("previous_response_id"), str) and isinstance(
        frame.get("input"), str | list
    )


def _steer_accepted(turn: Turn, previous: str, number: int) -> dict[str, Any]:
    """No event of a response, so it has the number of the last one: cursors stay what they were."""
    return {
        "type": "response.steer.accepted",
        "sequence_number": number,
        "steer": {"id": f"steer_{turn.pk.hex}", "previous_response_id": previous},
    }


def _steer_failed(
    error: ConversationError, frame: dict[str, Any], lane: Lane | None, target: UUID | None
) -> dict[str, Any]:
    code = "invalid_input" if isinstance(error, InvalidFrame) else error.code
    return {
        "type": "response.steer.failed",
        "sequence_number": lane.told(target) if lane and target else 0,
        "error": {
            "code": STEER_CODES.get(code, code),
            "message": error.message,
            "type": "invalid_request_error",
        },
        "steer": {
            "previous_response_id": frame["previous_response_id"],
            "input": frame["input"],
        },
    }
