"""Contents in MongoDB: `pip install pymongo`, and `settings.STORES["mongodb"]` names this.

One collection (settings.MONGODB_COLLECTION) of documents with the `_id` {conversation, number};
they also have `write` and `content`.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any
from uuid import UUID

from django.conf import settings

from conversations.errors import MessageTooLarge
from conversations.stores.base import Keeps
from conversations.stores.foreign import ForeignStore
from conversations.stores.places import Place

TIMEOUT = 1000  # ms; less than idle_in_transaction_session_timeout
TOO_LARGE = {10334, 17419, 17420}  # codes of the server: a document above 16 MB
PLACE = Place()


class MongoStore(ForeignStore):
    """Contents in MongoDB, a bare row per message in PostgreSQL, which decides.

    Each put is conditional on the write number, which grows with every try at a version. Keeps
    what `database` keeps, with this weaker promise: contents are as durable as the write concern
    in settings.MONGODB_URL (say `w=majority`), and who restores PostgreSQL to an earlier moment
    than the collection must raise its message ids above those that the collection has. A message
    has at most 16 MB, MongoDB's limit of a document.
    """

    keeps = frozenset(Keeps)
    largest = 16 * 1024 * 1024
    piece = 100

    def put(self, handle: UUID, first: int, write: int, contents: Sequence[str]) -> None:
        from pymongo import UpdateOne  # noqa: PLC0415 - an extra

        updates = [
            UpdateOne(
                {"_id": _id(handle, number), "write": {"$lt": write}},
                {"$set": {"write": write, "content": content}},
                upsert=True,  # where a later write is there, its _id is taken: an error
            )
            for number, content in enumerate(contents, first)
        ]
        _asked(lambda: _write(updates))

    def get(self, handle: UUID, first: int, end: int) -> Mapping[int, str]:
        wanted = {"_id": {"$gte": _id(handle, first), "$lt": _id(handle, end)}}
        found = _asked(lambda: list(collection().find(wanted)))
        return {each["_id"]["number"]: each["content"] for each in found}

    def drop(self, handle: UUID) -> None:
        all_of_it = {"_id": {"$gte": _id(handle, 0), "$lt": _id(handle, 2**31)}}
        _asked(lambda: collection().delete_many(all_of_it))

    def extend(self, handle: UUID) -> None:
        """Nothing expires."""


def _write(updates: Sequence[Any]) -> None:
    """The client refuses what is far too large, the server what is so by a little."""
    from pymongo.errors import BulkWriteError, DocumentTooLarge  # noqa: PLC0415 - an extra

    try:
        collection().bulk_write(updates)
    except DocumentTooLarge as error:
        raise MessageTooLarge from error
    except BulkWriteError as error:
        if TOO_LARGE.isdisjoint(each["code"] for each in error.details["writeErrors"]):
            raise
        raise MessageTooLarge from error


def _id(handle: UUID, number: int) -> dict[str, Any]:
    """Documents compare field by field, so a conversation's are a range in the order of numbers."""
    return {"conversation": handle.hex, "number": number}


def _asked(deed: Callable[[], Any]) -> Any:
    from pymongo.errors import PyMongoError  # noqa: PLC0415 - an extra

    return PLACE.ask(deed, PyMongoError)


@cache
def collection() -> Any:
    """The collection, on a client that gives up soon and repeats nothing by itself."""
    from pymongo import MongoClient  # noqa: PLC0415 - an extra

    client: Any = MongoClient(
        settings.MONGODB_URL,
        timeoutMS=TIMEOUT,
        serverSelectionTimeoutMS=TIMEOUT,
        retryWrites=False,
        retryReads=False,
    )
    return client.get_default_database("agentsite")[settings.MONGODB_COLLECTION]
