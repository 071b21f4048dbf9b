"""What a budget promises, of the book in a process as of the one in Redis."""

from collections import Counter

import pytest

from workers.ratelimit.book import GRACE, LOOKED_AT, PROBE, Outcome, Reason
from workers.ratelimit.terms import SECOND


def test_the_burst_goes_at_once_and_the_rest_at_the_rate(open_book):
    book = open_book(requests_per_minute=60, burst=5)
    tickets, answer = book.enter(count=8)
    assert answer.granted == tickets[:5]
    assert [place.wait / SECOND for place in answer.places] == [0, 0, 0, 0, 0, 1, 2, 3]
    book.pass_time(1)
    assert book.ask(wanted=tickets[5:]).granted == [tickets[5]]


def test_tokens_are_a_limit_of_their_own(open_book):
    book = open_book(requests_per_minute=6_000, tokens_per_minute=6_000, burst=1)
    tickets, answer = book.enter(count=2, tokens=100)
    assert answer.granted == tickets[:1]
    assert answer.wait == 1 * SECOND


def test_a_request_above_the_burst_goes_when_all_of_it_is_there(open_book):
    book = open_book(tokens_per_minute=6_000, burst=1)
    large, answer = book.enter(tokens=1_000)
    assert answer.granted == large
    _, answer = book.enter(tokens=1)
    assert answer.wait == pytest.approx(9.01 * SECOND)


def test_what_was_reserved_too_much_is_given_back(open_book):
    book = open_book(tokens_per_minute=6_000, burst=1)
    [first], _ = book.enter(tokens=100)
    book.settle(first, tokens=-90)
    assert book.enter(tokens=90)[1].granted


def test_what_was_taken_beyond_the_estimate_is_owed(open_book):
    book = open_book(tokens_per_minute=6_000, burst=1)
    [first], _ = book.enter(tokens=10)
    book.settle(first, tokens=390)
    assert book.enter(tokens=100)[1].wait == 4 * SECOND


def test_a_request_that_was_never_sent_is_given_back(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    [first], _ = book.enter()
    book.settle(first, unsent=1)
    assert book.enter()[1].granted


def granted_in_turn(book, waiting, seconds):
    """Who is granted when every process asks as soon as it is its turn."""
    owners = Counter()
    for _ in range(seconds):
        book.pass_time(1)
        for process, (owner, tickets) in waiting.items():
            for ticket in book.ask(process, wanted=tickets[:8]).granted:
                tickets.remove(ticket)
                owners[owner] += 1
    return owners


def test_nobody_takes_more_than_his_share_while_others_wait(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    many, _ = book.enter("ada", count=40, process="a")
    few, _ = book.enter("bob", count=10, process="b")
    owners = granted_in_turn(book, {"a": ("ada", many[1:]), "b": ("bob", few)}, 10)
    assert owners == {"ada": 5, "bob": 5}


def test_a_share_that_nobody_wants_is_free_for_all(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    many, _ = book.enter("ada", count=40, process="a")
    assert granted_in_turn(book, {"a": ("ada", many[1:])}, 10) == {"ada": 10}


def test_a_queue_with_less_weight_gets_less(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    batch, _ = book.enter("ada", count=40, process="a", weight=0.25)
    page, _ = book.enter("bob", count=40, process="b")
    owners = granted_in_turn(book, {"a": ("ada", batch[1:]), "b": ("bob", page)}, 10)
    assert owners == {"ada": 2, "bob": 8}


def test_whoever_asks_first_takes_nothing_from_those_before_it(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    book.enter(process="a")
    earlier, _ = book.enter(process="a")
    later, _ = book.enter(process="b")
    book.pass_time(1)
    assert book.ask("b", wanted=later).granted == []
    assert book.ask("a", wanted=earlier).granted == earlier


def test_a_dead_process_holds_the_line_up_for_its_grace_only(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    book.enter(process="dead", count=3)
    later, answer = book.enter(process="b")
    assert answer.wait == 3 * SECOND
    book.pass_time(1 + GRACE / SECOND + 0.1)
    assert book.ask("b", wanted=later).granted == later


def test_what_its_process_names_no_more_holds_nobody_up(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    tickets, _ = book.enter(count=2 * LOOKED_AT + 2)
    book.pass_time(1)
    assert book.ask(wanted=tickets[-1:], more=False).granted == tickets[-1:]


def test_what_stands_behind_those_that_are_wanted_keeps_its_place(open_book):
    book = open_book(requests_per_minute=60, burst=1)
    tickets, _ = book.enter(count=4)
    book.pass_time(1)
    assert book.ask(wanted=tickets[2:3]).granted == tickets[2:3]
    book.pass_time(1)
    assert book.ask(wanted=tickets[3:], more=False).granted == tickets[3:]


def test_who_was_forgotten_is_told_to_enter_anew(open_book):
    book = open_book(requests_per_minute=60)
    assert book.ask(wanted=["a:000009:0"]).lost


def test_nothing_is_granted_in_a_pause_and_nothing_rushes_out_after_it(open_book):
    book = open_book(requests_per_minute=60, burst=10)
    [first], _ = book.enter()
    book.settle(first, pause=7 * SECOND)
    tickets, answer = book.enter(count=25)
    assert (answer.granted, answer.reason, answer.wait) == ([], Reason.PAUSED, 8 * SECOND)
    book.pass_time(8)
    assert book.ask(wanted=tickets).granted == tickets[:1]


def test_reservations_from_before_a_pause_are_void(open_book):
    book = open_book(tokens_per_minute=6_000, burst=10)
    tickets, _ = book.enter(count=10, tokens=100)
    book.settle(tickets[0], tokens=-100, pause=1 * SECOND)
    for ticket in tickets[1:]:
        book.settle(ticket, tokens=-100)
    book.pass_time(1)
    assert book.enter(tokens=100)[1].granted == []


def broken(book, times):
    """A provider that fails so often in a row."""
    for _ in range(times):
        [ticket], _ = book.enter()
        book.settle(ticket, outcome=Outcome.FAILED)


def test_the_circuit_opens_after_failures_in_a_row(open_book):
    book = open_book(failures=3, rest=15)
    broken(book, 2)
    [ticket], _ = book.enter()
    book.settle(ticket, outcome=Outcome.OK)
    broken(book, 2)
    assert book.enter()[1].granted
    broken(book, 1)
    _, answer = book.enter()
    assert (answer.granted, answer.reason, answer.wait) == ([], Reason.DOWN, 15 * SECOND)


def test_one_probe_goes_and_its_first_sign_of_life_closes_the_circuit(open_book):
    book = open_book(failures=1, rest=15)
    broken(book, 1)
    tickets, _ = book.enter(count=3)
    book.pass_time(15)
    answer = book.ask(wanted=tickets)
    assert answer.granted == tickets[:1] == [answer.probe]
    assert book.ask(wanted=tickets[1:]).granted == []
    assert book.settle(tickets[0], outcome=Outcome.ALIVE, wanted=tickets[1:]).granted == tickets[1:]


def test_a_probe_that_fails_doubles_the_rest(open_book):
    book = open_book(failures=1, rest=15)
    broken(book, 1)
    book.pass_time(15)
    broken(book, 1)
    assert book.enter()[1].wait == 30 * SECOND


def test_only_the_probe_closes_the_circuit(open_book):
    book = open_book(failures=1, rest=15)
    [early], _ = book.enter()
    broken(book, 1)
    book.settle(early, outcome=Outcome.OK)
    assert book.enter()[1].reason is Reason.DOWN


def test_after_a_probe_one_failure_is_enough_until_a_whole_reply(open_book):
    book = open_book(failures=3, rest=15)
    broken(book, 3)
    book.pass_time(15)
    [probe], _ = book.enter()
    book.settle(probe, outcome=Outcome.ALIVE)
    broken(book, 1)
    assert book.enter()[1].reason is Reason.DOWN


def test_a_probe_that_says_nothing_makes_room_for_another(open_book):
    book = open_book(failures=1, rest=15)
    broken(book, 1)
    book.pass_time(15)
    book.enter()
    later, _ = book.enter()
    book.pass_time(PROBE / SECOND)
    assert book.ask(wanted=later).granted == later
