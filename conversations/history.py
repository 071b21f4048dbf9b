"""What the model is shown of a transcript: a window that moves seldom. Light: reads JSON only."""

import json
from collections.abc import Sequence


def window(
    messages: Sequence[str], *, most: int, keep: int, own: int, earlier: int = 0
) -> Sequence[str]:
    """The newest messages, at most about `most`, from a user's prompt on; 0 shows all.

    `earlier`: so many came before these. The larger of `most` and `own` always have to be here,
    and the last prompt, if there is one.

    When there are more, the window is cut to about `keep` and then grows again: providers cache
    what a request has in common with the last one, and sliding at every turn would end that. The
    cut follows from the number of messages alone, so every worker and every attempt cuts alike.
    `own`: so many at the end are the turn's own, and are always shown. So is what they go on from:
    a turn that only brings what a client's function returned, from the last prompt on, for a model
    takes no result without its call.
    """
    count = earlier + len(messages)
    cut = cuts(count, most=most, keep=keep)
    if not cut:
        return messages
    begin = max(min(cut * stride(most, keep), count - own) - earlier, 0)
    after = range(begin, min(len(messages) - own + 1, len(messages)))
    before = range(begin - 1, -1, -1)
    prompts = (index for index in (*after, *before) if is_prompt(messages[index]))
    return messages[next(prompts, 0) :]


def stride(most: int, keep: int) -> int:
    """How many messages a cut drops, about."""
    return max(most - keep, 1)


def cuts(count: int, *, most: int, keep: int) -> int:
    """How often the window of so many messages has been cut."""
    return max(-(-(count - most) // stride(most, keep)), 0) if most else 0


def leaving(
    messages: Sequence[str], *, most: int, keep: int, earlier: int = 0
) -> tuple[int, Sequence[str]]:
    """The number of the next cut, and what it will drop of the present window.

    Nothing as long as nobody can say where that cut will be.
    """
    cut = cuts(earlier + len(messages), most=most, keep=keep)
    shown = window(messages, most=most, keep=keep, own=0, earlier=earlier)
    begins = (cut + 1) * stride(most, keep) - earlier - (len(messages) - len(shown))
    for index in range(max(begins, 0), len(shown)):
        if is_prompt(shown[index]):
            return cut + 1, shown[:index]
    return cut + 1, ()


def summed(messages: Sequence[str], *, most: int, keep: int, earlier: int = 0) -> int:
    """The last cut that drops nothing but what comes before the last prompt among these."""
    for index in range(len(messages) - 1, -1, -1):
        if is_prompt(messages[index]):
            return (earlier + index) // stride(most, keep)
    return 0


def is_prompt(message: str) -> bool:
    """Whether a person speaks here: a model may not be shown a tool's result without its call."""
    parts = json.loads(message)["parts"]
    return bool(parts) and parts[0]["part_kind"] == "user-prompt"
