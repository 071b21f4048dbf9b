"""The addresses under /v1/."""

from django.urls import path
from ninja import NinjaAPI

from conversations.api import agents, errors, responses
from conversations.api.bodies import StrictParser

api = NinjaAPI(
    title="Agentsite",
    version="1",
    description="Open Responses on stateful agents; docs/http.md tells how to use it.",
    docs_url=None,
    openapi_url=None,
    parser=StrictParser(),
    urls_namespace="v1",
)
errors.handle(api)
for module in (responses, agents):
    api.add_router("", module.router)

urlpatterns = [path("v1/", api.urls)]
