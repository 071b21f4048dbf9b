"""Contents in DynamoDB: `pip install boto3`, and `settings.STORES["dynamodb"]` names this.

One table (settings.DYNAMODB_TABLE), made by whoever owns the account: partition key
`conversation` (string), sort key `number` (number); an item also has `write` and `content`.
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

TIMEOUT = 1  # seconds; less than idle_in_transaction_session_timeout
DROPPED = 25  # items in one request, DynamoDB's own limit
PLACE = Place()


class DynamoStore(ForeignStore):
    """Contents in DynamoDB, a bare row per message in PostgreSQL, which decides.

    Each put is conditional on the write number, which grows with every try at a version. Keeps
    what `database` keeps, with this weaker promise: contents are as durable as the table, and who
    restores PostgreSQL to an earlier moment than the table must raise its message ids above those
    that the table has. A message has at most 400 KB, DynamoDB's limit of an item.
    """

    keeps = frozenset(Keeps)
    largest = 400 * 1024
    piece = 25

    def put(self, handle: UUID, first: int, write: int, contents: Sequence[str]) -> None:
        for number, content in enumerate(contents, first):
            _asked(
                _put,
                {
                    "conversation": handle.hex,
                    "number": number,
                    "write": write,
                    "content": content,
                },
            )

    def get(self, handle: UUID, first: int, end: int) -> Mapping[int, str]:
        items = _pages(handle, first, end, "#number, content")
        return {int(item["number"]): str(item["content"]) for item in items}

    def drop(self, handle: UUID) -> None:
        numbers = [int(item["number"]) for item in _pages(handle, 0, 2**31, "#number")]
        for begin in range(0, len(numbers), DROPPED):
            _asked(_delete, [(handle.hex, number) for number in numbers[begin : begin + DROPPED]])

    def extend(self, handle: UUID) -> None:
        """Nothing expires."""


def _put(item: dict[str, Any]) -> None:
    """Every request has the same form: what is found invalid in one is its size."""
    from botocore.exceptions import ClientError  # noqa: PLC0415 - an extra

    try:
        table().put_item(
            Item=item,
            ConditionExpression="attribute_not_exists(conversation) OR #write < :write",
            ExpressionAttributeNames={"#write": "write"},
            ExpressionAttributeValues={":write": item["write"]},
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            raise MessageTooLarge from error
        raise


def _delete(keys: Sequence[tuple[str, int]]) -> None:
    with table().batch_writer() as batch:
        for conversation, number in keys:
            batch.delete_item(Key={"conversation": conversation, "number": number})


def _pages(handle: UUID, first: int, end: int, wanted: str) -> list[dict[str, Any]]:
    """The items under these numbers, strongly consistent, however many pages they fill."""
    query: dict[str, Any] = {
        "KeyConditionExpression": "conversation = :c AND #number BETWEEN :first AND :last",
        "ExpressionAttributeNames": {"#number": "number"},
        "ExpressionAttributeValues": {":c": handle.hex, ":first": first, ":last": end - 1},
        "ProjectionExpression": wanted,
        "ConsistentRead": True,
    }
    items: list[dict[str, Any]] = []
    while True:
        page = _asked(lambda asked: table().query(**asked), query)
        items += page["Items"]
        if "LastEvaluatedKey" not in page:
            return items
        query["ExclusiveStartKey"] = page["LastEvaluatedKey"]


def _asked(deed: Callable[[Any], Any], argument: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415 - an extra

    return PLACE.ask(lambda: deed(argument), BotoCoreError, ClientError)


@cache
def table() -> Any:
    """The table, on connections that give up soon and repeat nothing by themselves."""
    import boto3  # noqa: PLC0415 - an extra
    from botocore.config import Config  # noqa: PLC0415 - an extra

    config = Config(
        connect_timeout=TIMEOUT, read_timeout=TIMEOUT, retries={"total_max_attempts": 1}
    )
    resource = boto3.resource(
        "dynamodb", endpoint_url=settings.DYNAMODB_ENDPOINT or None, config=config
    )
    return resource.Table(settings.DYNAMODB_TABLE)
