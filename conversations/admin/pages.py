"""Lists of any length: a page begins where the last one ended, and nothing is counted."""

from collections.abc import Mapping
from typing import Any

from django.contrib.admin.helpers import ActionForm
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.expressions import Combinable
from django.http import Http404, HttpRequest
from django.shortcuts import redirect
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from workers.admin import ReadOnlyAdmin

BEFORE, AFTER = "before", "after"  # older rows than this id, newer rows than this id


class SelectedOnly(ActionForm):
    """An action works on the rows that are ticked, never on all that there are."""

    def clean_select_across(self) -> bool:
        return False


class Page(ChangeList):
    """One page of a list, newest first; ids go in the order of time."""

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> QuerySet:
        admin: PagedAdmin = self.model_admin  # type: ignore[assignment]
        for name in (BEFORE, AFTER):  # not filters; a new search or filter begins at the top
            self.params.pop(name, None)
            self.filter_params.pop(name, None)
        return admin.listed(super().get_queryset(request, exclude_parameters))

    def get_ordering(self, request: HttpRequest, queryset: QuerySet) -> list[str | Combinable]:
        return ["-pk"]

    def get_results(self, request: HttpRequest) -> None:
        self.is_first = not {BEFORE, AFTER} & set(request.GET)
        self.result_list, self.newer, self.older = self._cut(request.GET)
        self.result_count = self.full_result_count = len(self.result_list)
        self.show_full_result_count = self.can_show_all = self.multi_page = False
        self.show_admin_actions = True

    def _cut(self, asked: Mapping[str, str]) -> tuple[list[Model], str | None, str | None]:
        """The rows, and the addresses of the pages with newer and with older ones."""
        size, start = self.list_per_page, self._start(asked)
        if AFTER in asked:
            found = list(self.queryset.filter(pk__gt=start).order_by("pk")[: size + 1])
            rows, newer, older = found[:size][::-1], len(found) > size, bool(found)
        else:
            rows = self.queryset.filter(pk__lt=start) if BEFORE in asked else self.queryset
            found = list(rows[: size + 1])
            rows, newer, older = found[:size], BEFORE in asked, len(found) > size
        return (
            rows,
            self.get_query_string({AFTER: rows[0].pk}) if rows and newer else None,
            self.get_query_string({BEFORE: rows[-1].pk}) if rows and older else None,
        )

    def _start(self, asked: Mapping[str, str]) -> Any:
        try:
            return self.opts.pk.to_python(asked.get(AFTER) or asked.get(BEFORE))
        except ValidationError as error:
            raise IncorrectLookupParameters(error) from error

    @property
    def estimate(self) -> int | None:
        """About how many rows the table has, as PostgreSQL last reckoned; None: unknown."""
        if not self.is_first or self.query or self.has_active_filters:
            return None
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::bigint FROM pg_class WHERE oid = %s::regclass",
                [self.opts.db_table],
            )
            found = cursor.fetchone()
        return found[0] if found and found[0] > self.list_per_page else None


class PagedAdmin(ReadOnlyAdmin):
    """A read-only list of many rows, whose actions also stand as buttons on a row's own page."""

    action_form = SelectedOnly
    list_per_page = 50
    lookups: tuple[str, ...] = ()  # what an address may filter by: each has an index

    class Media:
        """The look of badges, bars and transcripts."""

        css = {"all": ("conversations/admin.css",)}

    def listed(self, rows: QuerySet) -> QuerySet:
        """The rows as a list needs them: without the large columns that it does not show."""
        return rows

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return Page

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest | None = None) -> bool:
        return lookup in self.lookups

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        act = self.admin_site.admin_view(self.act)
        return [path("<path:object_id>/act/", act, name=name), *super().get_urls()]

    @method_decorator(require_POST)
    def act(self, request: HttpRequest, object_id: str) -> Any:
        """Run the action that a button on the row's page names."""
        row = self.get_object(request, object_id)
        if row is None:
            raise Http404
        action = self.get_actions(request).get(request.POST.get("action", ""))
        if action is None or not self.has_view_permission(request, row):
            raise PermissionDenied
        chosen = self.get_queryset(request).filter(pk=row.pk)
        response: Any = action[0](self, request, chosen)
        return response or redirect(self._page("change"), object_id)

    def buttons(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        """What the buttons of a row's page need."""
        choices = [action[1:] for action in self.get_actions(request).values() if action]
        return {"verbs": choices, "act": reverse(self._page("act"), args=[object_id])}

    def _page(self, name: str) -> str:
        return f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}"
