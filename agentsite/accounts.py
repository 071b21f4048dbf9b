"""Log-in, sign-up and a new password: Django's own views and forms, with our templates."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.views import LoginView, PasswordChangeView
from django.forms import BaseForm, ModelForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.generic import CreateView
from django.views.generic.edit import FormMixin


class LogIn(LoginView):
    """Django's log-in; someone who is logged in already goes on to the page."""

    redirect_authenticated_user = True

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(signup_open=settings.SIGNUP_OPEN, **kwargs)


class NewAccount(UserCreationForm):
    """Django's form, for a project's own model of users too (AUTH_USER_MODEL)."""

    class Meta(UserCreationForm.Meta):
        model = get_user_model()
        fields = (model.USERNAME_FIELD,)


class Refocused(FormMixin):
    """The first field that is wrong has the focus, so that who listens hears what is wrong with it."""

    def form_invalid(self, form: BaseForm) -> HttpResponse:
        wrong = next((name for name in form.fields if name in form.errors), next(iter(form.fields)))
        for name, field in form.fields.items():
            field.widget.attrs["autofocus"] = name == wrong
        return super().form_invalid(form)


class SignUp(Refocused, CreateView):
    """A new account, logged in at once; `SIGNUP_OPEN` closes the door."""

    form_class = NewAccount
    template_name = "registration/signup.html"
    success_url = reverse_lazy(settings.LOGIN_REDIRECT_URL)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            return redirect(settings.LOGIN_REDIRECT_URL)
        if not settings.SIGNUP_OPEN:
            return render(request, "registration/signup_closed.html", status=403)
        return super().dispatch(request, *args, **kwargs)

    def form_valid(self, form: ModelForm) -> HttpResponse:
        response = super().form_valid(form)
        login(self.request, self.object, backend=settings.AUTHENTICATION_BACKENDS[0])
        return response


class ChangePassword(Refocused, PasswordChangeView):
    """A new password; whoever else was logged in with the old one is not any more."""

    template_name = "registration/password.html"
    success_url = reverse_lazy("password_changed")
