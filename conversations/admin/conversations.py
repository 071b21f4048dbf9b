"""Conversations: the list, and each as a readable transcript."""

import re
from typing import Any

from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponseBase
from django.template.response import TemplateResponse

from conversations.admin import search, transcript, verbs
from conversations.admin.looks import brief, moment
from conversations.admin.pages import PagedAdmin
from conversations.models import Conversation, Turn

TRANSCRIPT = "admin/conversations/conversation/transcript.html"
NUMBER = re.compile(r"[0-9]{1,9}")


class Activity(admin.SimpleListFilter):
    """Those with a turn that has no outcome yet; the index turn_open_in_order lists them."""

    title = "activity"
    parameter_name = "open"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("1", "with open turns")]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        if self.value() != "1":
            return rows
        is_open = Turn.objects.filter(state__in=Turn.OPEN)
        return rows.filter(pk__in=is_open.values("conversation"))


@admin.register(Conversation)
class ConversationAdmin(PagedAdmin):
    """Whoever may view conversations may read them."""

    list_display = (
        "name",
        "owner",
        "agent",
        "messages",
        "turns",
        "made",
        "changed",
    )
    list_select_related = ("owner",)
    list_filter = (Activity,)
    lookups = ("open",)
    search_fields = ("id",)  # shows the box; get_search_results says what it finds
    search_help_text = (
        "An id (conv_…, resp_…, msg_… or a UUID), or how the owner's name or the title begins"
    )
    actions = ("cancel_open_turns", "export")

    def listed(self, rows: QuerySet) -> QuerySet:
        return rows.defer("metadata")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        return (search.conversations(queryset, search_term) if search_term else queryset), False

    @admin.display(description="conversation")
    def name(self, conversation: Conversation) -> str:
        return conversation.title or brief("conv", conversation.pk)

    @admin.display(description="messages")
    def messages(self, conversation: Conversation) -> int:
        return conversation.next_message

    @admin.display(description="turns")
    def turns(self, conversation: Conversation) -> str:
        is_open = f", {conversation.open_turns} open" if conversation.open_turns else ""
        return f"{conversation.next_turn}{is_open}"

    @admin.display(description="begun")
    def made(self, conversation: Conversation) -> str:
        return moment(conversation.created)

    @admin.display(description="last change")
    def changed(self, conversation: Conversation) -> str:
        return moment(conversation.updated)

    @admin.action(description="Cancel open turns", permissions=["operate"])
    def cancel_open_turns(self, request: HttpRequest, queryset: QuerySet) -> None:
        chosen = queryset.values("pk")
        verbs.cancel(
            self, request, Turn.objects.filter(conversation__in=chosen, state__in=Turn.OPEN)
        )

    @admin.action(description="Export as JSON", permissions=["view"])
    def export(self, request: HttpRequest, queryset: QuerySet) -> HttpResponseBase:
        return verbs.export(self, request, queryset)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> TemplateResponse:
        """The transcript; `before` and `after` in the address are message numbers."""
        conversation = self.get_object(request, object_id)
        if conversation is None:
            raise Http404
        if not self.has_view_permission(request, conversation):
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            **self.buttons(request, object_id),
            "title": conversation.title or f"conv_{conversation.pk.hex}",
            "opts": self.opts,
            "media": self.media,
            "conversation": conversation,
            "page": transcript.read(conversation, **_position(request)),
        }
        return TemplateResponse(request, TRANSCRIPT, context)

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        return super().get_queryset(request).select_related("owner")


def _position(request: HttpRequest) -> dict[str, int]:
    """Which page the address asks for."""
    asked = {name: request.GET.get(name, "") for name in ("before", "after")}
    return {name: int(value) for name, value in asked.items() if NUMBER.fullmatch(value)}
