"""What holds after every schedule of every scene, and that everything comes to an end."""

from conversations import recovery, turns
from conversations.errors import ConversationError
from conversations.models import Conversation, Message, ToolCall, Turn
from tests.integration.explorer import witness
from tests.integration.explorer.stage import Run
from tests.integration.explorer.world import World, hints, take_hint
from workers.models import WorkerProcess

MECHANISM = "an_idempotency_key_is_used_once"  # the other constraints are only backstops


def check(world: World, run: Run) -> None:
    """Raises AssertionError with the promise that was broken."""
    witness.check(world.conversation.id)
    counters_are_right(world)
    transcript_is_whole(world)
    at_most_one_is_held(world)
    who_waits_is_asked(world)
    a_hint_is_on_its_way(world)
    one_key_is_one_turn(run)
    state = state_of(world)
    if state not in world.ended:  # from equal states it goes on equally
        everything_ends(world)
        world.ended.add(state)


def nobody_failed(run: Run) -> None:
    for name, outcome in run.outcomes.items():
        refused = isinstance(outcome, ConversationError)
        assert refused or not isinstance(outcome, Exception), f"{name} failed: {outcome!r}"
    errors = [error for errors in run.errors.values() for error in errors]
    assert all(MECHANISM in error for error in errors), f"PostgreSQL refused: {errors}"


def counters_are_right(world: World) -> None:
    conversation = Conversation.objects.get(pk=world.conversation.pk)
    turns_of = Turn.objects.filter(conversation=conversation)
    numbers = list(turns_of.order_by("number").values_list("number", flat=True))
    assert numbers == list(range(conversation.next_turn)), f"turn numbers {numbers}"
    open_turns = turns_of.filter(state__in=Turn.OPEN).count()
    assert conversation.open_turns == open_turns, f"{conversation.open_turns} of {open_turns} open"
    messages = Message.objects.filter(conversation=conversation).order_by("number")
    numbers = list(messages.values_list("number", flat=True))
    assert numbers == list(range(conversation.next_message)), f"message numbers {numbers}"


def transcript_is_whole(world: World) -> None:
    """The input of every turn that was begun or has ended is there once, of the others not yet."""
    for turn in Turn.objects.filter(conversation=world.conversation.pk):
        inputs = Message.objects.filter(turn=turn, attempt=0, step=0).count()
        begun = turn.attempt > 0 or turn.state in Turn.ENDED
        assert inputs == begun, f"turn {turn.number} ({turn.state}) has {inputs} inputs"
        ended = turn.state in Turn.ENDED
        told = (turn.finished is not None, turn.last_event is not None)
        assert told == (ended, ended), f"turn {turn.number} is {turn.state}, yet {told}"
        shown = Message.objects.filter(turn=turn, retracted=False).exists()
        assert not (shown and turn.state == Turn.State.ROLLED_BACK), "rolled back, yet shown"
        rollback = turn.cancel_requested == Turn.CancelRequest.ROLLBACK
        assert not (ended and rollback) or turn.state == "rolled_back", "asked to be rolled back"


def at_most_one_is_held(world: World) -> None:
    open_turns = Turn.objects.filter(conversation=world.conversation.pk, state__in=Turn.OPEN)
    states = list(open_turns.order_by("number").values_list("state", flat=True))
    assert all(state == "queued" for state in states[1:]), f"open turns in order: {states}"


def who_waits_is_asked(world: World) -> None:
    """A turn waits exactly as long as a call of its has no answer."""
    for turn in Turn.objects.filter(conversation=world.conversation.pk):
        asks = ToolCall.objects.filter(turn=turn, state=ToolCall.State.ASKED).exists()
        assert asks == (turn.state == Turn.State.WAITING), f"{turn.state}, asks: {asks}"


def a_hint_is_on_its_way(world: World) -> None:
    open_turns = Turn.objects.filter(conversation=world.conversation.pk, state__in=Turn.OPEN)
    idle = open_turns.exists() and not open_turns.filter(state__in=Turn.HELD).exists()
    assert not idle or hints(world.conversation), "a turn waits and no hint is on its way"


def one_key_is_one_turn(run: Run) -> None:
    """And what was accepted is there."""
    accepted = [each for each in run.outcomes.values() if isinstance(each, turns.Accepted)]
    led_to: dict[str, set] = {}
    for each in accepted:
        assert Turn.objects.filter(pk=each.turn.pk).exists(), "an accepted turn is not there"
        if each.turn.idempotency_key:
            led_to.setdefault(each.turn.idempotency_key, set()).add(each.turn.pk)
    assert all(len(ids) == 1 for ids in led_to.values()), "one key led to two turns"


def state_of(world: World) -> tuple:
    """What of the rows and the queue decides how it goes on."""
    conversation = Conversation.objects.filter(pk=world.conversation.pk)
    turns_of = Turn.objects.filter(conversation=world.conversation.pk).order_by("number")
    columns = ("state", "pool", "attempt", "crashes", "cancel_requested", "worker_name")
    counters = conversation.values_list("version", "next_turn", "next_message", "open_turns")
    return (*counters, *turns_of.values_list(*columns), hints(world.conversation))


def everything_ends(world: World) -> None:
    """From here on one worker alone brings every open turn to its end, in order, by hints."""
    heir = world.heir()
    WorkerProcess.objects.exclude(pk=heir.pk).delete()
    world.let_time_pass()
    recovery.sweep()
    while (hint := next_hint(world)) is not None:
        claim = turns.claim(world.conversation.id, heir.id, pool=hint)
        if claim is not None:
            assert world.end(claim, claim.ending.state if claim.ending else "completed")
    left = Turn.objects.filter(conversation=world.conversation.pk, state__in=Turn.OPEN)
    assert not left, f"never answered: {[(turn.number, turn.state) for turn in left]}"
    witness.check(world.conversation.id)
    counters_are_right(world)
    transcript_is_whole(world)


def next_hint(world: World) -> str | None:
    """The pool of a hint, which is taken."""
    for pool in ("default", "quarantine"):
        if take_hint(pool):
            return pool
    return None
