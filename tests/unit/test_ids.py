"""New ids: in the order of time, and not to be guessed."""

import time

from conversations.ids import new_id


def test_an_id_made_later_is_greater():
    earlier, made = new_id(), time.time_ns()
    while time.time_ns() - made < 1_000:  # the smallest step that an id shows
        pass
    assert new_id() > earlier


def test_an_id_says_its_version_and_its_moment():
    before = time.time_ns() // 1_000_000
    made = new_id()
    assert made.version == 7
    assert made.variant == "specified in RFC 4122"
    assert before <= made.int >> 80 <= time.time_ns() // 1_000_000


def test_ids_made_in_one_moment_differ(monkeypatch):
    monkeypatch.setattr(time, "time_ns", lambda: 1_800_000_000_123_456_789)
    assert len({new_id() for _ in range(1000)}) == 1000
