import threading

from tests.waiting import GENEROUS
from workers.running.gates import Gate


def test_it_is_open_only_when_nobody_has_a_reason_against_it():
    gate = Gate("presence")
    gate.close("drain")
    gate.open("presence")
    assert not gate.is_open
    assert gate.reasons == {"drain"}
    gate.open("drain")
    assert gate.is_open


def test_a_reason_given_twice_is_taken_away_once():
    gate = Gate()
    gate.close("drain")
    gate.close("drain")
    gate.open("drain")
    gate.open("drain")
    assert gate.wait(0)


def test_a_thread_that_waits_goes_on_when_the_last_reason_goes():
    gate, passed = Gate("drain"), threading.Event()
    thread = threading.Thread(target=lambda: gate.wait(GENEROUS) and passed.set())
    thread.start()
    gate.open("drain")
    thread.join(GENEROUS)
    assert passed.is_set()


def test_a_thread_waits_no_longer_than_it_said():
    assert not Gate("drain").wait(0.01)
