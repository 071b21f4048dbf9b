"""API keys: made here and shown once, listed by how they begin, revoked at once."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache

from conversations import keys
from conversations.admin.looks import badge
from conversations.models import ApiKey, Scope
from workers.admin import ReadOnlyAdmin


class KeyForm(forms.ModelForm):
    """What a new key is for."""

    scopes = forms.MultipleChoiceField(
        choices=Scope.choices, initial=Scope.values, widget=forms.CheckboxSelectMultiple
    )
    maker: Any = None  # set by the page: who fills it in

    class Meta:
        """The rest is `keys`' own."""

        model = ApiKey
        fields = ("owner", "name", "scopes", "expires", "requests_per_minute")

    def clean_owner(self) -> Any:
        """A key reads all that its owner reads, so only superusers make them for others."""
        owner = self.cleaned_data["owner"]
        if owner != self.maker and not self.maker.is_superuser:
            raise ValidationError("You may make keys for yourself only.")
        return owner


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """Nobody edits a key: what it may do was decided when it was given away."""

    form = KeyForm
    list_display = ("begins", "name", "owner", "may", "state", "created", "expires", "last_used")
    list_select_related = ("owner",)
    ordering = ("-id",)
    raw_id_fields = ("owner",)
    actions = ("revoke",)
    made_template = "admin/conversations/apikey/made.html"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("conversations.add_apikey")

    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return self.list_display if obj else KeyForm.Meta.fields

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        return ("begins", "may", "state") if obj else ()

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> Any:
        form: Any = super().get_form(request, obj, change, **kwargs)
        form.maker = request.user
        return form

    def save_model(self, request: HttpRequest, obj: ApiKey, form: Any, change: bool) -> None:
        """The form's row is not the one that is saved: `keys` alone makes them."""
        made, secret = keys.make(
            obj.owner_id,
            name=obj.name,
            scopes=obj.scopes,
            expires=obj.expires,
            requests_per_minute=obj.requests_per_minute,
        )
        obj.__dict__.update(made.__dict__)
        request.secret = secret  # type: ignore[attr-defined]  # for `response_add`

    def response_add(self, request: HttpRequest, obj: ApiKey, *args: Any) -> HttpResponse:
        """The key itself, in this answer and nowhere else: no cookie, no session, no cache."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "key": obj,
            "secret": request.secret,  # type: ignore[attr-defined]
        }
        return never_cache(lambda _: TemplateResponse(request, self.made_template, context))(
            request
        )

    @admin.action(description="Revoke", permissions=["operate"])
    def revoke(self, request: HttpRequest, rows: QuerySet[ApiKey]) -> None:
        revoked = [key for key in rows if keys.revoke(key.pk)]
        for key in revoked:
            self.log_change(request, key, "Revoked.")
        self.message_user(request, f"Revoked: {len(revoked)}.", messages.INFO)

    @admin.display(description="key", ordering="prefix")
    def begins(self, key: ApiKey) -> str:
        return f"{key.prefix}…"

    @admin.display(description="scopes")
    def may(self, key: ApiKey) -> str:
        return ", ".join(key.scopes)

    @admin.display(description="state")
    def state(self, key: ApiKey) -> SafeString:
        if key.revoked:
            return badge("failed", "revoked")
        expired = key.expires is not None and key.expires <= timezone.now()
        return badge("cancelled", "expired") if expired else badge("completed", "valid")
