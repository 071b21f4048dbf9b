"""What a turn may cost PostgreSQL: counted on the wire, not timed. Decision 21 tells why so much."""

from conversations.models import Conversation, Message, Turn
from conversations.threads import in_thread

LONG = 10_000  # messages


async def test_a_turn_takes_8_statements_in_12_round_trips_and_3_commits(counted):
    cost = await counted()
    assert cost.statements <= 8
    assert cost.round_trips <= 12
    assert cost.commits <= 3


async def test_the_ten_thousandth_message_costs_what_the_tenth_does(counted, conversation):
    short = await counted()
    await in_thread(lengthen, conversation)
    assert await counted() == short


def lengthen(conversation: Conversation) -> None:
    """As if people had talked in it for years."""
    conversation.refresh_from_db()
    first, version = conversation.next_message, conversation.version
    turn = Turn.objects.filter(conversation=conversation).first()
    Message.objects.bulk_create(
        Message(
            conversation=conversation,
            turn=turn,
            number=first + n,
            attempt=9,
            step=n,
            kind=("request", "response")[n % 2],
            payload=said(n),
        )
        for n in range(LONG)
    )
    rows = Conversation.objects.filter(pk=conversation.pk)
    rows.update(next_message=first + LONG, version=version + LONG)


def said(n: int) -> dict:
    kind, part = (("request", "user-prompt"), ("response", "text"))[n % 2]
    return {"kind": kind, "parts": [{"part_kind": part, "content": f"number {n}"}]}


async def test_a_turn_writes_5_kilobytes_of_wal(counted, written):
    await counted()
    assert await written() <= 5_200


async def test_each_further_800_characters_are_written_once(counted, written, conversation):
    await counted()
    short = await written()
    await in_thread(Conversation.objects.filter(pk=conversation.pk).update, agent="long")
    assert await written() - short <= 1_000
