"""Turns: the list by state, and each with its timeline."""

from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.db.models.fields.json import KT
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe

from conversations.admin import search, timeline, verbs
from conversations.admin.looks import badge, brief, exact, laid_out, linked, moment
from conversations.admin.pages import PagedAdmin
from conversations.models import Turn

# Of failed responses, as docs/protocol.md lists them.
CODES = (
    "provider_error", "provider_rate_limited", "provider_timeout", "provider_invalid_reply",
    "context_too_long", "tool_error", "tool_name_taken", "worker_lost", "expired", "transcript_gone",
    "too_large", "reply_too_long", "server_error",
)  # fmt: skip


class State(admin.SimpleListFilter):
    """Each state but the commonest has a partial index; that one is never far to find."""

    title = "state"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("open", "Open"), *Turn.State.choices]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        value = self.value()
        if value == "open":
            return rows.filter(state__in=Turn.OPEN)
        return rows.filter(state=value) if value in Turn.State.values else rows


class Reason(admin.SimpleListFilter):
    """Turns that failed for one reason; the index turn_failed_by_code lists them."""

    title = "reason"
    parameter_name = "code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(code, code) for code in CODES]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        if not (code := self.value()):
            return rows
        coded: QuerySet = rows.alias(code=KT("error__code"))
        return coded.filter(state=Turn.State.FAILED, code=code)


@admin.register(Turn)
class TurnAdmin(PagedAdmin):
    """The newest first; verbs act on those that have no outcome yet."""

    list_display = (
        "brief_id", "status", "conversation_link", "owner", "accepted",
        "took", "tokens", "tries", "worker_name",
    )  # fmt: skip
    list_select_related = ("owner",)
    list_filter = (State, Reason)
    lookups = ("state", "code")
    search_fields = ("id",)  # shows the box; get_search_results says what it finds
    search_help_text = (
        "An id (resp_…, conv_…, msg_… or a UUID), a worker's id for what it runs, "
        "or how the owner's name begins"
    )
    actions = ("cancel", "requeue")
    fieldsets = (
        (None, {"fields": ("response_id", "conversation_link", "owner", "number", "status", "life", "times")}),
        ("Request", {"fields": ("policy", "pool", "idempotency_key", "parameters", "request_items")}),
        ("Outcome", {"fields": ("error_items", "notice_items", "usage_items", "last_event")}),
        ("Claim", {"fields": ("attempt", "crashes", "worker_name", "worker", "cancel_requested")}),
    )  # fmt: skip
    readonly_fields = (
        "response_id", "conversation_link", "status", "life", "times",
        "parameters", "request_items", "error_items", "notice_items", "usage_items",
    )  # fmt: skip

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("owner")

    def listed(self, rows: QuerySet) -> QuerySet:
        return rows.defer("input")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return (search.turns(queryset, search_term) if search_term else queryset), False

    @admin.action(description="Cancel", permissions=["operate"])
    def cancel(self, request: HttpRequest, queryset: QuerySet) -> None:
        verbs.cancel(self, request, queryset)

    @admin.action(description="Requeue", permissions=["operate"])
    def requeue(self, request: HttpRequest, queryset: QuerySet) -> None:
        verbs.requeue(self, request, queryset)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        context = {**(extra_context or {}), **self.buttons(request, object_id)}
        return super().change_view(request, object_id, form_url, context)

    @admin.display(description="id")
    def response_id(self, turn: Turn) -> str:
        return f"resp_{turn.pk.hex}"

    @admin.display(description="response")
    def brief_id(self, turn: Turn) -> SafeString:
        return brief("resp", turn.pk)

    @admin.display(description="conversation")
    def conversation_link(self, turn: Turn) -> SafeString:
        link = linked("conversation", turn.conversation_id, brief("conv", turn.conversation_id))
        return format_html("{}&nbsp;#{}", link, turn.number)

    @admin.display(description="accepted")
    def accepted(self, turn: Turn) -> str:
        return moment(turn.created)

    @admin.display(description="attempts")
    def tries(self, turn: Turn) -> str:
        crashed = f", {turn.crashes} crashed" if turn.crashes else ""
        return f"{turn.attempt}{crashed}"

    @admin.display(description="state")
    def status(self, turn: Turn) -> SafeString:
        state = badge(turn.state, turn.get_state_display())
        code = (turn.error or {}).get("code")
        return format_html("{} {}", state, code) if code else state

    @admin.display(description="time")
    def took(self, turn: Turn) -> str:
        return timeline.total(turn)

    @admin.display(description="tokens")
    def tokens(self, turn: Turn) -> str:
        return timeline.tokens(turn)

    @admin.display(description="life")
    def life(self, turn: Turn) -> str:
        context = {"phases": timeline.phases(turn), "total": timeline.total(turn)}
        return render_to_string("admin/conversations/life.html", context)

    @admin.display(description="times")
    def times(self, turn: Turn) -> SafeString:
        names = ("created", "hinted_at", "started", "first_token", "expires", "finished")
        told = [(name.replace("_", " "), exact(getattr(turn, name))) for name in names]
        return format_html_join(mark_safe("<br>"), "{}: {}", told)

    def parameters(self, turn: Turn) -> SafeString | str:
        return laid_out(turn.request)

    @admin.display(description="input")
    def request_items(self, turn: Turn) -> SafeString | str:
        return laid_out(turn.input)

    @admin.display(description="error")
    def error_items(self, turn: Turn) -> SafeString | str:
        return laid_out(turn.error)

    @admin.display(description="notices")
    def notice_items(self, turn: Turn) -> SafeString | str:
        return laid_out(turn.notices)

    @admin.display(description="usage")
    def usage_items(self, turn: Turn) -> SafeString | str:
        return laid_out(turn.usage)
