"""The page and its verbs, for staff only."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils import timezone
from django.views.decorators.http import require_http_methods
from redis import RedisError

from conversations.admin.operations import fleet, outcomes, verbs
from conversations.admin.operations.verbs import Verb
from workers import ratelimit
from workers.models import WorkerProcess
from workers.pools import pools

PAGE, CONFIRM = "admin/operations/page.html", "admin/operations/confirm.html"
RELOADS = {"5", "15", "60"}  # seconds


def page(request: HttpRequest) -> HttpResponse:
    """Everything; nothing here counts a table or reads one through."""
    _permit(request)
    now = timezone.now()
    every = request.GET.get("every", "")
    context = {
        "now": now,
        "every": every if every in RELOADS else "",
        "crews": fleet.crews(now),
        "members": (found := fleet.members())[: fleet.WORKERS],
        "are_more": len(found) > fleet.WORKERS,
        "first_tokens": outcomes.first_tokens(now),
        "outcomes": outcomes.outcomes(now),
        **_provider(),
        "decisions": fleet.decisions(),
        "may_act": verbs.may_act(request),
    }
    return _answer(request, PAGE, "Operations", context)


def _provider() -> dict[str, Any]:
    """Its budgets, or why nobody knows them."""
    try:
        return {"budgets": ratelimit.state()}
    except (RedisError, OSError) as error:
        return {"budgets_unknown": type(error).__name__}


@require_http_methods(["GET", "POST"])
def order_worker(request: HttpRequest, worker: UUID, verb: str) -> HttpResponse:
    _permit(request)
    process = get_object_or_404(WorkerProcess, pk=worker)
    return _order(request, verbs.OF_WORKERS[verb], process.name, process)


@require_http_methods(["GET", "POST"])
def order_pool(request: HttpRequest, pool: str, verb: str) -> HttpResponse:
    _permit(request)
    if pool not in pools():
        raise Http404
    return _order(request, verbs.OF_POOLS[verb], pool, verbs.row_of(pool))


def _order(request: HttpRequest, verb: Verb, name: str, row: Model) -> HttpResponse:
    """Asked by GET, done by POST."""
    if not verbs.may_act(request):
        raise PermissionDenied
    if request.method == "GET":
        return _answer(request, CONFIRM, verb.question.format(name=name), {"verb": verb})
    verbs.act(request, verb, name, row=row)
    messages.success(request, verb.done.format(name=name))
    return redirect("operations")


def _permit(request: HttpRequest) -> None:
    if not request.user.has_perm("workers.view_workerprocess"):
        raise PermissionDenied


def _answer(
    request: HttpRequest, template: str, title: str, context: dict[str, Any]
) -> TemplateResponse:
    return TemplateResponse(
        request, template, {**admin.site.each_context(request), "title": title, **context}
    )


def urls() -> list[URLPattern]:
    """Below the admin's own address; each asks for a log-in as the admin does."""
    inside = admin.site.admin_view
    return [
        path("", inside(page), name="operations"),
        *(
            path(
                f"workers/<uuid:worker>/{verb}/",
                inside(order_worker),
                {"verb": verb},
                f"{verb}_worker",
            )
            for verb in verbs.OF_WORKERS
        ),
        *(
            path(f"pools/<slug:pool>/{verb}/", inside(order_pool), {"verb": verb}, f"{verb}_pool")
            for verb in verbs.OF_POOLS
        ),
    ]
