"""The fleet in Django's admin, to look at only; also the base of every read-only list."""

from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.admin import ShowFacets
from django.contrib.auth import get_permission_codename
from django.db.models import DurationField, ExpressionWrapper, F, QuerySet
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString

from workers.models import ScalingDecision, WorkerProcess


class ReadOnlyAdmin(admin.ModelAdmin):
    """Rows that carry promises: whoever may view them sees them, only verbs change them."""

    show_full_result_count = False
    show_facets = ShowFacets.NEVER  # they count
    sortable_by = ()

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_operate_permission(self, request: HttpRequest) -> bool:
        """Whether an action may act on the rows: Django's permission to change them."""
        change = get_permission_codename("change", self.opts)
        return request.user.has_perm(f"{self.opts.app_label}.{change}")


@admin.register(WorkerProcess)
class WorkerProcessAdmin(ReadOnlyAdmin):
    """Who lives; a dead process has no row."""

    list_display = ("name", "pool", "host", "pid", "load", "started", "alive")
    list_filter = ("pool",)
    search_fields = ("name__startswith", "host__startswith")
    ordering = ("pool", "name")
    fields = ("id", *list_display, "lock", "process_start")
    readonly_fields = ("load", "alive")

    def get_queryset(self, request: HttpRequest) -> QuerySet:
        left = ExpressionWrapper(F("lease") - Now(), output_field=DurationField())
        rows: QuerySet = super().get_queryset(request).annotate(lease_left=left)
        return rows

    @admin.display(description="turns in flight")
    def load(self, process: WorkerProcess) -> str:
        return f"{process.in_flight} of {process.slots}"

    @admin.display(description="lease")
    def alive(self, process: Any) -> SafeString:
        left: timedelta = process.lease_left
        state, verb = ("completed", "ends in") if left > timedelta() else ("failed", "ended since")
        seconds = f"{abs(left.total_seconds()):.1f}"
        return format_html('<span class="badge is-{}">{} {} s</span>', state, verb, seconds)

    class Media:
        """The badges."""

        css = {"all": ("conversations/admin.css",)}


@admin.register(ScalingDecision)
class ScalingDecisionAdmin(ReadOnlyAdmin):
    """What the autoscaler changed, and why; a month of it."""

    list_display = ("at", "pool", "size", "wanted", "load", "reason", "decided_by")
    list_filter = ("pool",)
    ordering = ("-pk",)
    list_per_page = 50
