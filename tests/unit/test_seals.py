"""Seals: what a client carries is refused as soon as a bit of it is not ours."""

import uuid
import zlib
from dataclasses import replace

import pytest

from conversations.errors import InvalidState, TooLarge
from conversations.stores import seals
from conversations.stores.base import Key
from conversations.stores.sealed import State, opened, sealed

OWNER = 7
STATE = State(
    conversation=uuid.uuid4(),
    agent="carried",
    version=3,
    messages=((Key(uuid.uuid4(), 1, 2), '{"kind":"request","parts":[]}'),),
)


def test_a_state_comes_back_as_it_was():
    assert replace(opened(sealed(STATE, OWNER), OWNER), expires=0) == STATE


def test_no_word_of_it_can_be_read():
    assert "request" not in sealed(STATE, OWNER)


def test_every_flipped_bit_of_every_byte_is_refused():
    token = sealed(STATE, OWNER).encode()
    for place in range(len(token)):
        for bit in range(8):
            flipped = bytearray(token)
            flipped[place] ^= 1 << bit
            with pytest.raises(InvalidState):
                opened(flipped.decode("latin1"), OWNER)


@pytest.mark.parametrize("extra", ["=", "!", "\n", "AAAA", " "])
def test_whatever_is_added_is_refused(extra):
    token = sealed(STATE, OWNER)
    for damaged in (token + extra, extra + token, token[:20] + extra + token[20:]):
        with pytest.raises(InvalidState):
            opened(damaged, OWNER)


def test_a_state_opens_for_its_owner_and_its_purpose_only():
    with pytest.raises(InvalidState):
        opened(sealed(STATE, OWNER), OWNER + 1)
    with pytest.raises(InvalidState):
        opened(seals.seal(b"x", purpose="sealed.errand", owner_id=OWNER), OWNER)


def test_a_key_that_was_rotated_opens_until_it_is_dropped(settings):
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "old", []
    token = sealed(STATE, OWNER)
    settings.SECRET_KEY, settings.SECRET_KEY_FALLBACKS = "new", ["old"]
    assert opened(token, OWNER).version == 3
    settings.SECRET_KEY_FALLBACKS = []
    with pytest.raises(InvalidState):
        opened(token, OWNER)


def test_two_processes_with_the_same_key_open_each_others_states(settings):
    token = sealed(STATE, OWNER)
    seals._fernet.cache_clear()  # as another process
    assert opened(token, OWNER).version == 3


def test_a_bomb_is_never_unpacked():
    bomb = zlib.compress(bytes(50_000_000))
    with pytest.raises(InvalidState):
        seals.inflated(bomb, 100_000)


def test_what_was_cut_off_is_refused():
    with pytest.raises(InvalidState):
        seals.inflated(zlib.compress(b"whole")[:-1], 100)


def test_a_state_has_a_largest_size(settings):
    settings.SEALED_STATE_LIMIT = 100
    with pytest.raises(TooLarge):
        sealed(STATE, OWNER)
    with pytest.raises(TooLarge):
        opened("x" * 101, OWNER)
