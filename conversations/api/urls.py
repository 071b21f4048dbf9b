"""The addresses under /v1/."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed, JsonResponse
from django.urls import path
from ninja import NinjaAPI
from ninja.operation import Operation

from conversations.api import agents, carried, dialogues, errors, responses
from conversations.api.bodies import StrictParser


class Api(NinjaAPI):
    """Operations are called as their functions are."""

    def get_openapi_operation_id(self, operation: Operation) -> str:
        return str(operation.view_func.__name__)


api = Api(
    title="Agentsite",
    version="1",
    description="Open Responses on stateful agents; docs/http.md tells how to use it.",
    docs_url=None,
    openapi_url=None,
    parser=StrictParser(),
    urls_namespace="v1",
)
errors.handle(api)
for module in (responses, dialogues, agents, carried):
    api.add_router("", module.router)


@cache
def document() -> dict[str, Any]:
    """The OpenAPI document."""
    return dict(api.get_openapi_schema(path_prefix="/v1/"))


async def openapi(request: HttpRequest) -> HttpResponse:
    """Anybody may read it; it tells nothing of this site but its version of the API."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    return JsonResponse(document())


urlpatterns = [path("v1/openapi.json", openapi), path("v1/", api.urls)]
