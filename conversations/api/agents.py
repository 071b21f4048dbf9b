"""`/v1/models`: the agents."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Path, Router

from conversations import catalog
from conversations.api.bearer import caller_of, reads
from conversations.api.objects import Model, Models, answers
from conversations.errors import NotFound

router = Router(tags=["models"])
OWNER = "agentsite"


@router.get("/models", auth=reads, response=answers(Models))
async def list_models(request: HttpRequest) -> HttpResponse:
    """Every agent; the one that answers where none is named comes first."""
    caller_of(request)
    return JsonResponse({"object": "list", "data": [described(name) for name in catalog.agents()]})


@router.get("/models/{model}", auth=reads, response=answers(Model))
async def get_model(request: HttpRequest, model: Path[str]) -> HttpResponse:
    """One agent."""
    caller_of(request)
    if model not in catalog.agents():
        raise NotFound("There is no such model.", param="model")
    return JsonResponse(described(model))


def described(name: str) -> dict[str, Any]:
    """Nobody knows when an agent was made."""
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
