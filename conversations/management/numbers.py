"""Numbers that commands take."""

from argparse import ArgumentTypeError
from collections.abc import Callable


def between(least: int, most: int) -> Callable[[str], int]:
    """What argparse reads such an option with."""

    def number(word: str) -> int:
        if not least <= (found := int(word)) <= most:
            raise ArgumentTypeError(f"must be {least} to {most}")
        return found

    return number


days = between(1, 36_500)
