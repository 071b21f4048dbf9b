"""Messages and tool calls as they are stored, for whoever needs the rows themselves."""

from typing import Any

from django.contrib import admin
from django.db.models import Func, QuerySet, TextField, Value
from django.db.models.functions import Coalesce, Left
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString

from conversations.admin import search
from conversations.admin.looks import badge, brief, laid_out, linked, moment
from conversations.admin.pages import PagedAdmin
from conversations.models import Message, ToolCall

BEGINNING = 100  # characters of a message that the list shows
SAID_FIRST = '$.parts[*] ? (@.part_kind == "text" || @.part_kind == "user-prompt").content'


class Unfinished(admin.SimpleListFilter):
    """Calls without a known outcome; the index tool_call_not_done lists them."""

    title = "outcome"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("asked", "Asked"), ("started", "Started"), ("unknown", "Unknown")]

    def queryset(self, request: HttpRequest, rows: QuerySet) -> QuerySet:
        return rows.filter(state=self.value()) if self.value() else rows


class OfTurn(PagedAdmin):
    """Rows that belong to a turn, found by its id or its conversation's."""

    search_fields = ("id",)  # shows the box; get_search_results says what it finds
    search_help_text = "The id of a turn or a conversation (resp_…, msg_…, conv_… or a UUID)"
    to_conversation = "conversation"  # the path from a row

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet, search_term: str
    ) -> tuple[QuerySet, bool]:
        if not search_term:
            return queryset, False
        return search.within(queryset, search_term, conversation=self.to_conversation), False

    @admin.display(description="turn")
    def turn_link(self, row: Message | ToolCall) -> SafeString:
        return linked("turn", row.turn_id, brief("resp", row.turn_id))


@admin.register(Message)
class MessageAdmin(OfTurn):
    """The list shows how a message begins; its page shows all that is stored."""

    list_display = ("id", "in_transcript", "turn_link", "kind", "beginning", "withdrawn", "written")
    fields = (
        "in_transcript", "turn_link", "kind", "step", "attempt", "retracted", "created",
        "text", "stored", "events",
    )  # fmt: skip
    readonly_fields = ("in_transcript", "turn_link", "text", "stored", "events")

    def listed(self, rows: QuerySet) -> QuerySet:
        said = Func("payload", Value(SAID_FIRST), function="jsonb_path_query_first")
        words = Func(said, Value("{}"), template="(%(expressions)s)", arg_joiner=" #>> ")
        begins = Left(Coalesce(words, Value("")), BEGINNING, output_field=TextField())
        rows = rows.annotate(begins=begins)
        return rows.defer("payload", "trace")

    @admin.display(description="conversation")
    def in_transcript(self, message: Message) -> SafeString:
        """To the page of the transcript that ends with it."""
        page = reverse("admin:conversations_conversation_change", args=[message.conversation_id])
        label = brief("conv", message.conversation_id)
        return format_html(
            '<a href="{0}?before={1}#message-{2}">{3}&nbsp;#{2}</a>',
            page, message.number + 1, message.number, label,
        )  # fmt: skip

    @admin.display(description="retracted", empty_value="")
    def withdrawn(self, message: Message) -> SafeString | None:
        return badge("cancelled", "retracted") if message.retracted else None

    @admin.display(description="written")
    def written(self, message: Message) -> str:
        return moment(message.created)

    @admin.display(description="text")
    def beginning(self, message: Any) -> str:
        return str(message.begins)

    @admin.display(description="payload")
    def stored(self, message: Message) -> SafeString | str:
        return laid_out(message.payload)

    @admin.display(description="trace")
    def events(self, message: Message) -> str:
        return " ".join(map(str, message.trace)) or "-"


@admin.register(ToolCall)
class ToolCallAdmin(OfTurn):
    """The ledger: started is written before the effect, done with the result."""

    list_display = ("short_id", "tool", "outcome", "turn_link", "step", "begun", "ended")
    list_filter = (Unfinished,)
    lookups = ("state",)
    fields = (
        "tool_call_id", "tool", "outcome", "turn_link", "step", "key", "asks", "answered", "started",
        "finished", "come_to", "given", "answer",
    )  # fmt: skip
    readonly_fields = ("outcome", "turn_link", "key", "come_to", "given", "answer")
    to_conversation = "turn__conversation"

    def listed(self, rows: QuerySet) -> QuerySet:
        return rows.defer("arguments", "result")

    @admin.display(description="tool call id")
    def short_id(self, call: ToolCall) -> str:
        return call.tool_call_id[:50]

    @admin.display(description="state")
    def outcome(self, call: ToolCall) -> SafeString:
        return badge(call.state, call.get_state_display())

    @admin.display(description="idempotency key")
    def key(self, call: ToolCall) -> str:
        return f"{call.turn_id.hex}:{call.step}:{call.tool_call_id}"

    @admin.display(description="started")
    def begun(self, call: ToolCall) -> str:
        return moment(call.started)

    @admin.display(description="finished")
    def ended(self, call: ToolCall) -> str:
        return moment(call.finished)

    @admin.display(description="progress")
    def come_to(self, call: ToolCall) -> str:
        told = call.progress or {}
        part = "" if told.get("fraction") is None else f"{told['fraction']:.0%}"
        return f"{part} {told.get('message', '')}".strip() or "-"

    @admin.display(description="arguments")
    def given(self, call: ToolCall) -> SafeString | str:
        return laid_out(call.arguments)

    @admin.display(description="result")
    def answer(self, call: ToolCall) -> SafeString | str:
        return laid_out(call.result)
