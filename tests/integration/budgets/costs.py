"""What one turn cost PostgreSQL, from what a tap has read."""

from dataclasses import dataclass

from tests.taps import Tap

BRACKETS = (b"BEGIN", b"COMMIT")
WRITES = (b"INSERT", b"UPDATE", b"DELETE")


@dataclass
class Cost:
    """Of one turn, on the way to PostgreSQL."""

    statements: int
    commits: int  # that write, so that each waits for the disk
    round_trips: int


def cost_of(sql: Tap) -> Cost:
    asked = [statement for statement in sql.asked if not is_look(statement)]
    statements = [each for each in asked if each not in BRACKETS]
    looks = len(sql.asked) - len(asked)
    return Cost(len(statements), commits(asked), sql.round_trips - looks)


def is_look(statement: bytes) -> bool:
    """The worker's look every 100 ms is one for all its turns, so it is not one turn's."""
    return b"SELECT id, state, claim_token, cancel_requested FROM" in statement


def commits(asked: list[bytes]) -> int:
    """Transactions that write, and statements that do so on their own."""
    count, inside, wrote = 0, False, False
    for statement in asked:
        if statement == b"BEGIN":
            inside, wrote = True, False
        elif statement == b"COMMIT":
            count, inside = count + wrote, False
        elif any(word in statement for word in WRITES):
            wrote = True
            count += not inside
    return count
