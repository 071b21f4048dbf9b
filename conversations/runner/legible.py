"""Text that PostgreSQL and UTF-8 can hold; models and tools also send what they cannot."""

from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def legible(text: str) -> str:
    """The same number of characters, with NUL and half surrogate pairs replaced."""
    if text.isascii() and "\0" not in text:
        return text
    whole = text.encode("utf-8", "replace").decode() if has_halves(text) else text
    return whole.replace("\0", REPLACEMENT)


def has_halves(text: str) -> bool:
    """Whether it holds half a surrogate pair, which no encoding has a form for."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def legible_data(data: Any) -> Any:
    """Data of JSON, with every text in it legible."""
    match data:
        case str():
            return legible(data)
        case list():
            return [legible_data(item) for item in data]
        case dict():
            return {legible(key): legible_data(value) for key, value in data.items()}
    return data
