"""The script in Redis against the plain book, over random histories of several processes."""

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from hypothesis.stateful import run_state_machine_as_test as run

from workers.ratelimit import script
from workers.ratelimit.book import Entry, Exchange, Outcome, Settlement
from workers.ratelimit.plain import PlainBook
from workers.ratelimit.terms import SECOND, Terms

START = 1_800_000_000_000_000  # microseconds: numbers as long as the real ones
SET_CLOCK = "local function clock() return tonumber(ARGV[3]) end"
PROCESSES = ("a1", "b2")
OWNERS = ("ada", "bob", "cleo")


class Books(RuleBasedStateMachine):
    """Every step is told to both books, and both must answer alike."""

    def __init__(self, client) -> None:
        super().__init__()
        self.client = client

    @initialize(
        requests=st.sampled_from([0, 60, 600]),
        tokens=st.sampled_from([0, 6_000, 77_777]),
        burst=st.sampled_from([0, 1, 5]),
        failures=st.integers(1, 2),
    )
    def begin(self, requests, tokens, burst, failures):
        self.terms = Terms(
            requests_per_minute=requests, tokens_per_minute=tokens, burst=burst, failures=failures
        )
        self.client.flushdb()
        self.script = self.client.register_script(SET_CLOCK + script.EXCHANGE)
        self.plain = PlainBook(self.terms)
        self.now, self.count, self.paused = START, 0, 0
        self.waiting = {process: [] for process in PROCESSES}
        self.granted = []  # (epoch, ticket), of requests under way
        self.history = []  # times of grants since the book began
        self.returned = 0  # requests that were granted and not sent

    def tell(self, process, **said):
        asked = Exchange(process, **said)
        self.now += 1
        plain = self.plain.answer(asked, self.now)
        arguments = [script.packed(asked, self.terms), 60, self.now]
        found = self.script(script.keys("test/model"), arguments)
        assert script.unpacked(found) == plain
        self.compare()
        for ticket in plain.granted:
            self.waiting[process].remove(ticket)
            self.granted.append((plain.epoch, ticket))
            self.history.append(self.now)
            assert self.now >= self.paused
        return plain

    def compare(self):
        """What they answer later is settled by what they keep now."""
        state, line = script.keys("test/model")[:2]
        kept = self.client.hgetall(state)
        assert kept.pop(b"probe").decode() == self.plain.probe
        for name in ("requests", "tokens", "virtual", "failures", "open", "rest", "lease"):
            assert int(kept[name.encode()]) == getattr(self.plain, name), name
        in_redis = [ticket.decode() for ticket in self.client.zrange(line, 0, -1)]
        assert in_redis == sorted(self.plain.line, key=lambda t: (self.plain.line[t], t))

    @rule(ahead=st.sampled_from([1_000, SECOND, 3 * SECOND, 20 * SECOND]))
    def pass_time(self, ahead):
        self.now += ahead

    @rule(
        process=st.sampled_from(PROCESSES),
        owners=st.lists(st.sampled_from(OWNERS), min_size=1, max_size=4),
        tokens=st.integers(0, 2_000),
        weight=st.sampled_from([0.25, 1, 3]),
    )
    def enter(self, process, owners, tokens, weight):
        tickets = [f"{process}:{self.count + n:06}:{tokens}" for n, _ in enumerate(owners)]
        self.count += len(owners)
        self.waiting[process] += tickets
        entered = [Entry(t, o, weight, tokens) for t, o in zip(tickets, owners, strict=True)]
        self.tell(process, entered=entered)

    @rule(process=st.sampled_from(PROCESSES))
    def come_back(self, process):
        tickets = self.in_order(process)
        self.tell(process, wanted=tickets[:8], more=len(tickets) > 8)

    @rule(process=st.sampled_from(PROCESSES), first=st.sampled_from([1, 3]))
    def come_back_for_few(self, process, first):
        tickets = self.in_order(process)
        self.tell(process, wanted=tickets[:first], more=len(tickets) > first)

    def in_order(self, process):
        """Its tickets as they stand in the line."""
        return sorted(self.waiting[process], key=lambda t: (self.plain.line.get(t, 0), t))

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def give_up_in_silence(self, data):
        process = data.draw(st.sampled_from([p for p in PROCESSES if self.waiting[p]]))
        self.waiting[process].remove(data.draw(st.sampled_from(self.waiting[process])))

    @rule(process=st.sampled_from(PROCESSES), owner=st.sampled_from(OWNERS))
    def enter_anew(self, process, owner):
        tickets = self.waiting[process][:8]
        entered = [Entry(t, owner, 1, int(t.rpartition(":")[2])) for t in tickets]
        self.tell(process, entered=entered)

    @precondition(lambda self: any(self.waiting.values()))
    @rule(data=st.data())
    def give_up(self, data):
        process = data.draw(st.sampled_from([p for p in PROCESSES if self.waiting[p]]))
        ticket = self.waiting[process].pop()
        self.tell(process, left=[ticket])

    @precondition(lambda self: self.granted)
    @rule(
        process=st.sampled_from(PROCESSES),
        more=st.integers(-1_500, 1_500),
        unsent=st.booleans(),
        pause=st.sampled_from([0, 0, 0, 3 * SECOND]),
    )
    def settle(self, process, more, unsent, pause):
        epoch, ticket = self.granted.pop(0)
        more = max(more, -int(ticket.rpartition(":")[2]))
        unsent = unsent and more <= 0
        self.returned += unsent
        self.paused = max(self.paused, self.now + 1 + pause) if pause else self.paused
        self.tell(process, settled=[Settlement(ticket, epoch, more, int(unsent))], pause=pause)

    @precondition(lambda self: self.granted)
    @rule(
        process=st.sampled_from(PROCESSES),
        outcome=st.sampled_from([Outcome.FAILED, *Outcome]),
        of=st.sampled_from([0, -1]),
    )
    def report(self, process, outcome, of):
        epoch, ticket = self.granted.pop(of)
        self.tell(process, settled=[Settlement(ticket, epoch, 0, outcome=outcome)])

    @precondition(lambda self: len(self.granted) > 1)
    @rule(process=st.sampled_from(PROCESSES))
    def pause_and_give_back(self, process):
        """One makes a pause; another, of before it, was not sent at all."""
        for pause in (3 * SECOND, 0):
            epoch, ticket = self.granted.pop(0)
            tokens = int(ticket.rpartition(":")[2])
            self.returned += 1
            self.paused = max(self.paused, self.now + 1 + pause) if pause else self.paused
            self.tell(process, settled=[Settlement(ticket, epoch, -tokens, 1)], pause=pause)

    @precondition(lambda self: len(self.granted) > 1)
    @rule(process=st.sampled_from(PROCESSES), ahead=st.sampled_from([1_000, 40 * SECOND]))
    def break_down(self, process, ahead):
        """Whatever is under way fails, and perhaps the rest after that is over."""
        failed, self.granted = self.granted, []
        self.tell(
            process,
            settled=[Settlement(t, epoch, 0, outcome=Outcome.FAILED) for epoch, t in failed],
        )
        self.now += ahead

    @rule()
    def lose_redis(self):
        self.client.flushdb()
        self.plain, self.history, self.returned, self.paused = PlainBook(self.terms), [], 0, 0

    @invariant()
    def never_more_than_the_limit_and_the_burst(self):
        if not getattr(self, "history", None) or not self.terms.request:
            return
        for at, begin in enumerate(self.history):
            most = (self.now - begin + self.terms.request_burst) // self.terms.request
            assert len(self.history) - at <= most + self.returned


QUICK = settings(
    max_examples=20, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
)
THOROUGH = settings(QUICK, max_examples=150, stateful_step_count=50)


def test_the_script_answers_as_the_plain_book_does(redis_client):
    run(lambda: Books(redis_client), settings=QUICK)


@pytest.mark.slow
def test_the_script_answers_as_the_plain_book_does_over_long_histories(redis_client):
    run(lambda: Books(redis_client), settings=THOROUGH)
