"""Asks without sockets: through the same door as they do, in this process."""

import time
from concurrent.futures import ThreadPoolExecutor
from uuid import UUID

from django.contrib.auth import get_user_model
from django.db import close_old_connections

from conversations import protocol, turns
from conversations.models import Conversation

THREADS = 4


def begin(count: int, text: str, *, rate: float) -> list[UUID]:
    """New conversations with a message each, so many a second; the ids of their turns."""
    begun = time.monotonic()
    owner, _ = get_user_model().objects.get_or_create(username="benchmark")
    made = Conversation.objects.bulk_create(
        Conversation(owner=owner, agent="assistant") for _ in range(count)
    )
    items = [protocol.user_message(text)]

    def say(number: int) -> UUID:
        time.sleep(max(0, begun + number / rate - time.monotonic()))
        try:
            conversation = made[number]
            return turns.accept(conversation.pk, owner.pk, items).turn.pk
        finally:
            close_old_connections()

    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(say, range(count)))
