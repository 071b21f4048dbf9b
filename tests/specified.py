"""What clients are sent, held to the specification as it stands: no value is bent to fit its type."""

import json

import openresponses_types as specification


def strictly(model, found):
    """The same, if it is one of the model's as it would come over the wire."""
    model.model_validate_json(json.dumps(found), strict=True)
    return found


def response(found):
    return strictly(specification.ResponseResource, found)


def event(found):
    """One of a stream's."""
    return strictly(model_of(found["type"]), found)


def model_of(kind):
    name = "".join(word.title() for word in kind.replace(".", "_").split("_"))
    return getattr(specification, f"{name}StreamingEvent")


def refusal(found):
    """An error of the websocket's."""
    return strictly(specification.WebSocketErrorEvent, found)
