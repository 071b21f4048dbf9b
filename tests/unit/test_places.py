"""A place that hangs holds one thread, however many ask."""

import threading

import pytest

from conversations.errors import StoreAway
from conversations.stores import places
from conversations.stores.places import Place


def hang() -> None:
    raise OSError


def together(place: Place) -> str:
    """What two hear who ask at the same time."""
    return place.ask(lambda: place.ask(lambda: "both", OSError), OSError)


@pytest.fixture
def hung(monkeypatch) -> Place:
    """It has failed once, and that took long."""
    place = Place()
    monkeypatch.setattr(places, "HUNG", 0)
    with pytest.raises(StoreAway):
        place.ask(hang, OSError)
    return place


def test_while_one_waits_for_it_the_others_are_told_at_once(hung):
    asked, back = threading.Event(), threading.Event()

    def wait() -> None:
        asked.set()
        back.wait()

    first = threading.Thread(target=hung.ask, args=(wait, OSError), daemon=True)
    first.start()
    asked.wait()
    with pytest.raises(StoreAway):
        hung.ask(lambda: pytest.fail("it was asked"), OSError)
    back.set()
    first.join()
    assert together(hung) == "both"


def test_whoever_finds_out_in_vain_leaves_it_to_the_next(hung):
    for _ in range(2):
        with pytest.raises(StoreAway, match="OSError"):
            hung.ask(hang, OSError)


def test_one_that_refuses_at_once_is_asked_by_everybody(monkeypatch):
    monkeypatch.setattr(places, "HUNG", float("inf"))
    place = Place()
    with pytest.raises(StoreAway, match="OSError"):
        place.ask(hang, OSError)
    assert together(place) == "both"
