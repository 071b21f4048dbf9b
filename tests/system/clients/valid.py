"""What the SDK gives is valid by the specification as well: its patience hides nothing.

Not strictly, for the SDK makes floats of whole numbers; what comes over the wire is, in other tests.
"""

from collections.abc import Iterator

import openresponses_types as specification
from openai.types.responses import Response, ResponseStreamEvent

from tests.specified import model_of

SLOW = "[[stream deltas=40 rate=40]]"


def valid(response: Response) -> Response:
    specification.ResponseResource.model_validate(response.to_dict(mode="json"))
    return response


def valid_events(stream) -> Iterator[ResponseStreamEvent]:
    for event in stream:
        model_of(event.type).model_validate(event.to_dict(mode="json"))
        yield event


def text_of(events) -> str:
    return "".join(e.delta for e in events if e.type == "response.output_text.delta")
