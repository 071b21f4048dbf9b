"""What the model is shown of a transcript: a window that moves seldom. Light: reads JSON only."""

import json
from collections.abc import Sequence


def window(
    messages: Sequence[str], *, most: int, keep: int, own: int, earlier: int = 0
) -> Sequence[str]:
    """The newest messages, at most about `most`, from a user's prompt on; 0 shows all.

    `earlier`: so many came before these. The larger of `most` and `own` always have to be here.

    When there are more, the window is cut to about `keep` and then grows again: providers cache
    what a request has in common with the last one, and sliding at every turn would end that. The
    cut follows from the number of messages alone, so every worker and every attempt cuts alike.
    `own`: so many at the end are the turn's own, and are always shown.
    """
    count = earlier + len(messages)
    if not most or count <= most:
        return messages
    stride = max(most - keep, 1)
    cuts = -(-(count - most) // stride)
    begin = min(cuts * stride, count - own) - earlier
    for index in range(begin, len(messages) - own):
        if is_prompt(messages[index]):
            return messages[index:]
    return messages[len(messages) - own :]


def is_prompt(message: str) -> bool:
    """Whether a person speaks here: a model may not be shown a tool's result without its call."""
    parts = json.loads(message)["parts"]
    return bool(parts) and parts[0]["part_kind"] == "user-prompt"
