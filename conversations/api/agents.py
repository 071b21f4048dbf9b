"""`/v1/models`: the agents."""

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from ninja import Path, Router

from conversations.api.bearer import reads
from conversations.errors import NotFound
from workers.agents import registry

router = Router(tags=["models"])
OWNER = "agentsite"


@router.get("/models", auth=reads)
async def list_models(request: HttpRequest) -> HttpResponse:
    """Every agent; the one that answers where none is named comes first."""
    return JsonResponse({"object": "list", "data": [described(name) for name in registry.names()]})


@router.get("/models/{model}", auth=reads)
async def get_model(request: HttpRequest, model: Path[str]) -> HttpResponse:
    """One agent."""
    if model not in registry.names():
        raise NotFound("There is no such model.", param="model")
    return JsonResponse(described(model))


def described(name: str) -> dict[str, Any]:
    """Nobody knows when an agent was made."""
    return {"id": name, "object": "model", "created": 0, "owned_by": OWNER}
