"""The browser's socket: one conversation, followed and written to, as docs/protocol.md says."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import structlog
from django.conf import settings

from conversations import access, protocol, streams, turns
from conversations.errors import (
    ConversationError,
    InvalidFrame,
    NotFound,
    NotLoggedIn,
    RateLimited,
    TooManyConnections,
)
from conversations.models import Turn
from conversations.showing import snapshots
from conversations.showing.announcements import acceptance, announce, announce_change
from conversations.showing.following import Following
from conversations.sockets import crowds, frames, sessions, standing
from conversations.sockets.base import Close, Socket, patience, replica
from conversations.sockets.floods import Flood, Verdict
from conversations.sockets.frames import Answer, Cancel, Create, Frame, Ping, Subscribe
from conversations.threads import in_thread
from workers.routing import PAGE

POLL = 2  # seconds between looks at the rows while a turn is open
NOT_LOGGED_IN, NO_CONVERSATION, FLOODING = 4401, 4404, 4429  # close codes

log = structlog.get_logger(__name__)


class ChatConsumer(Socket):
    """A tab that shows a conversation."""

    _following: Following | None = None
    _has_place = False
    _rest_set: float | None = None  # seconds that the next pulse was set to

    async def websocket_connect(self, message: dict[str, Any]) -> None:
        await self.accept()
        self._flood = Flood()
        self._session_key = self.scope["cookies"].get(settings.SESSION_COOKIE_NAME, "")
        self._conversation_id = self.scope["url_route"]["kwargs"]["conversation_id"]
        await self.join(sessions.group(self._session_key))
        await self._visit()
        await self.join(standing.group(self._user.pk))
        self._take_place()
        self._rest()

    def _take_place(self) -> None:
        """A person has so many tabs open here at most, whatever sessions they belong to."""
        try:
            crowds.take(self._user.pk)
        except TooManyConnections as error:
            raise Close(FLOODING, error.message) from None
        self._has_place = True

    async def _run(self, receive: Any) -> None:
        try:
            await super()._run(receive)
        finally:
            if self._has_place:
                crowds.leave(self._user.pk)

    async def _identify(self) -> None:
        """Look again who this is."""
        try:
            self._user = await in_thread(sessions.visitor, self._session_key)
        except NotLoggedIn:
            raise Close(NOT_LOGGED_IN) from None

    async def _visit(self) -> None:
        """Look again who this is, and that the conversation is theirs."""
        await self._identify()
        with existing():
            self._conversation = await in_thread(
                access.conversation, self._user, self._conversation_id
            )
        self._visited = time.monotonic()
        self._rest_set = None  # the next visit is due a whole time after this one, not before it

    # --- Frames of the client

    async def websocket_receive(self, message: dict[str, Any]) -> None:
        verdict = self._flood.judge()
        if verdict is Verdict.FLOODING:
            raise Close(FLOODING)
        frame = None
        try:
            if verdict is Verdict.REFUSED:
                raise RateLimited
            frame = frames.read(message)
            await self._serve(frame)
        except ConversationError as error:
            await self.send_frame(frames.described(error, frame, message))
        self._rest()

    async def _serve(self, frame: Frame) -> None:
        match frame:
            case Ping():
                await self.send_frame({"type": "agentsite:pong"})
            case Subscribe():
                await self._visit()
                await self._subscribe(frame)
            case _ if self._following is None:
                raise InvalidFrame("Subscribe first.", param="type")
            case Create():
                await self._identify()
                await self._create(frame, self._following)
            case Cancel():
                await self._identify()
                await self._cancel(frame, self._following)
            case Answer():
                await self._identify()
                await self._answer(frame, self._following)

    async def _subscribe(self, frame: Subscribe) -> None:
        """Join first: what happens while we read is then waiting for us, or missing and noticed."""
        await self.join(streams.group(self._conversation_id))
        self._following = following = Following(self._conversation, self.send_frame)
        if await following.begin(frame.cursor, frame.shown):
            version = self._conversation.version
            told: dict[str, Any] = {"type": "agentsite:subscribed", "version": version}
        else:
            with existing():
                picture = await in_thread(snapshots.picture, self._conversation_id)
            so_far = await following.adopt(picture)
            told = {"type": "agentsite:snapshot", **snapshots.described(picture, so_far)}
        await self.send_frame({**told, "replica": replica()})
        with patience():
            await following.remind()

    async def _create(self, frame: Create, following: Following) -> None:
        accepted = await in_thread(
            turns.accept,
            self._conversation_id,
            self._user.pk,
            [protocol.user_message(frame.input)],
            idempotency_key=frame.idempotency_key,
            policy=frame.policy,
            expected_version=frame.expected_version,
            source=PAGE,
        )
        told = {
            "type": "agentsite:accepted",
            "response_id": protocol.response_id(accepted.turn.pk),
            "idempotency_key": frame.idempotency_key,
            "position": accepted.position,
        }
        message = acceptance(accepted.turn, self._conversation.agent)
        try:
            await self.send_frame(told)
            if accepted.repeated:
                await following.recall(accepted.turn)
            else:
                await following.welcome(message)  # ours, so it needs no Redis
        finally:  # the other tabs hear of it though the sender is gone
            await announce(self._conversation_id, message)
            if accepted.ended:
                await announce_change(self._conversation_id)

    async def _cancel(self, frame: Cancel, following: Following) -> None:
        turn = await self._turn(frame.response_id)
        state = await in_thread(turns.cancel, turn.pk)
        if state in Turn.ENDED and turn.state not in Turn.ENDED:
            await announce_change(self._conversation_id)
        await following.look()

    async def _answer(self, frame: Answer, following: Following) -> None:
        turn, item = await self._turn(frame.response_id), protocol.call(frame.call_id)
        if item[0] != turn.pk:
            raise NotFound
        answer = turns.Answer(item=item[1], approved=frame.approved, output=frame.output)
        await in_thread(turns.resume, turn.pk, [answer])
        await announce_change(self._conversation_id)
        await following.look()

    async def _turn(self, response_id: str) -> Turn:
        """A turn of this conversation. Raises `NotFound`."""
        turn = await in_thread(access.turn, self._user, protocol.turn_id(response_id))
        if turn.conversation_id != self._conversation_id:
            raise NotFound
        return turn

    # --- Messages of the groups, and pulses

    async def turn_entries(self, message: dict[str, Any]) -> None:
        await self._follow(lambda following: following.hear(message))

    async def turn_accepted(self, message: dict[str, Any]) -> None:
        await self._follow(lambda following: following.welcome(message))

    async def turn_noted(self, message: dict[str, Any]) -> None:
        await self._follow(lambda following: following.remark(message))

    async def turn_changed(self, message: dict[str, Any]) -> None:
        await self._follow(Following.look)

    async def turn_deleted(self, message: dict[str, Any]) -> None:
        await self._follow(lambda following: following.drop(message))

    async def conversation_deleted(self, message: dict[str, Any]) -> None:
        raise Close(NO_CONVERSATION)

    async def session_ended(self, message: dict[str, Any]) -> None:
        raise Close(NOT_LOGGED_IN)

    async def standing_changed(self, message: dict[str, Any]) -> None:
        with patience():
            await self._identify()

    async def pulse(self, message: dict[str, Any]) -> None:
        self._rest_set = None
        if time.monotonic() - self._visited >= standing.CHECK:
            with patience():
                await self._visit()
        await self._follow(Following.poll)

    async def _follow(self, deed: Callable[[Following], Awaitable[None]]) -> None:
        if self._following:
            with patience():
                await deed(self._following)
        self._rest()

    def _rest(self) -> None:
        """Set the next pulse, soon while a turn is open."""
        seconds = POLL if self._following and self._following.is_waiting else standing.CHECK
        if seconds != self._rest_set:
            self._rest_set = seconds
            self.pulse_timer.set(seconds)


@contextmanager
def existing() -> Iterator[None]:
    """Close the socket where the conversation is not there, or not theirs."""
    try:
        yield
    except NotFound:
        raise Close(NO_CONVERSATION) from None
