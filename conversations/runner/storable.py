"""Text and data as PostgreSQL will hold them; models and tools also send what it cannot hold."""

from typing import Any

REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def storable(text: str) -> str:
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


def storable_data(data: Any) -> Any:
    """Data of JSON with storable texts, its keys in the order in which jsonb will give them back.

    So a tool's result goes to the model in the same bytes now and in later turns, as providers
    cache only what stays the same.
    """
    match data:
        case str():
            return storable(data)
        case list():
            return [storable_data(item) for item in data]
        case dict():
            pairs = [(storable(key), storable_data(value)) for key, value in data.items()]
            return dict(sorted(pairs, key=jsonb_order))
    return data


def jsonb_order(pair: tuple[str, Any]) -> tuple[int, bytes]:
    key = pair[0].encode()
    return len(key), key
