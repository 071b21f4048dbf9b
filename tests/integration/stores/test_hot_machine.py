"""Hot copies against a plain model: whatever happens, a copy at a version is the rows at it."""

from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from hypothesis.stateful import run_state_machine_as_test as run

from conversations.stores import hot
from conversations.stores.hot import Copy

words = st.lists(st.sampled_from(["a", "é", "😀" * 6]), max_size=3)
newest = st.integers(0, 6)


class HotMachine(RuleBasedStateMachine):
    """Commits, whose copies follow late, in any order, or never; reads that fill late."""

    def __init__(self, client) -> None:
        super().__init__()
        client.flushdb()
        self.client = client
        self.handle: UUID = uuid4()
        self.rows: list[tuple[str, ...]] = [()]  # by version: all that the model sees then
        self.late: list[tuple[str, int, tuple]] = []

    @property
    def version(self) -> int:
        return len(self.rows) - 1

    @rule(said=words, follows=st.booleans())
    def commit(self, said, follows):
        """An append; a worker may die before the copy follows."""
        append = (hot.append, (self.version, said))
        self.rows.append((*self.rows[-1], *said))
        self.do_or_postpone(append, at_once=follows)

    @rule(kept=st.integers(0, 5), follows=st.booleans())
    def retract(self, kept, follows):
        self.rows.append(self.rows[-1][:kept])
        self.do_or_postpone((hot.forget, ()), at_once=follows)

    @rule(count=newest, follows=st.booleans())
    def read_rows(self, count, follows):
        """Somebody reads committed rows, and fills the copy when he gets round to it."""
        messages = self.rows[-1][-count:] if count else self.rows[-1]
        copy = Copy(self.version, len(self.rows[-1]) - len(messages), messages)
        self.do_or_postpone((hot.fill, (copy,)), at_once=follows)

    def do_or_postpone(self, deed, *, at_once):
        if at_once:
            function, arguments = deed
            function(self.handle, *arguments)
        else:
            self.late.append(deed)

    @rule(data=st.data(), lost=st.booleans())
    def catch_up(self, data, lost):
        """A process that was held up does, or never does, what it was about to do."""
        if self.late:
            index = data.draw(st.integers(0, len(self.late) - 1))
            deed = self.late.pop(index)
            self.do_or_postpone(deed, at_once=True) if not lost else None

    @rule()
    def flush(self):
        self.client.flushdb()

    @rule()
    def extend(self):
        hot.extend(self.handle)

    @rule(back=st.integers(0, 2), count=newest)
    def read(self, back, count):
        wanted = [max(0, self.version - back), self.version]
        self.check(hot.read(self.handle, *wanted, newest=count), wanted, count)

    @invariant()
    def a_copy_is_the_rows_at_its_version(self):
        every = range(len(self.rows))
        for count in (0, 1):
            self.check(hot.read(self.handle, *every, newest=count), every, count)

    def check(self, copy, wanted, count):
        if copy is None:
            return
        assert copy.version in wanted
        rows = self.rows[copy.version]
        assert copy.messages == rows[copy.earlier :]
        assert len(copy.messages) == (min(count, len(rows)) if count else len(rows))

    @invariant()
    def a_copy_is_bounded_and_expires(self):
        for key in self.client.scan_iter():
            assert self.client.ttl(key) > 0
            _, *messages = self.client.lrange(key, 0, -1)
            assert len(messages) <= hot.MESSAGES
            assert len(messages) <= 1 or sum(map(len, messages)) <= hot.SIZE


def test_a_copy_never_differs_from_the_rows(redis_client, monkeypatch):
    monkeypatch.setattr(hot, "MESSAGES", 4)
    monkeypatch.setattr(hot, "SIZE", 50)
    run(
        lambda: HotMachine(redis_client),
        settings=settings(
            max_examples=250,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.parametrize("late", [(5, "five"), (3, "three")])
def test_an_append_that_comes_out_of_order_drops_or_keeps(redis_client, late):
    handle, (before, text) = uuid4(), late
    hot.fill(handle, Copy(4, 0, ("1", "2", "3", "4")))
    assert hot.append(handle, before, [text]) == ("dropped" if before > 4 else "kept")
