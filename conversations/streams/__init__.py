"""The log of a turn in Redis (role `live`): written by one claim, read from any number.

Two keys a turn, on one hash tag, both of which expire. The log is a stream; each append is one
stream entry, `<attempt>-<number>`, whose field holds a frame: packed entries with consecutive
numbers. The head is a hash: token and attempt of the claim that may write, the number that
follows, the Redis run that it was opened in, where and under which prefix frames are published,
and the base: the entries that the log no longer holds.

`append` publishes each frame to the conversation's group of the channel layer in the same
script. Pub/sub may lose frames; the log does not, so who finds a gap reads again.
`note` is for what no log needs: that a turn waits, how far its tools have come.
"""

from conversations.streams.groups import announce, dissolve, group
from conversations.streams.notes import forget_notes, note, notes
from conversations.streams.reading import Read, expire, read
from conversations.streams.writing import (
    FIRST,
    Append,
    Opened,
    Writer,
    append,
    open_log,
    rebase,
    restore,
)

__all__ = [
    "FIRST",
    "Append",
    "Opened",
    "Read",
    "Writer",
    "announce",
    "append",
    "dissolve",
    "expire",
    "forget_notes",
    "group",
    "note",
    "notes",
    "open_log",
    "read",
    "rebase",
    "restore",
]
