"""Log-in and sign-up: Django's own views and forms, with our templates."""

from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model, login
from django.contrib.auth.forms import UserCreationForm
from django.contrib.auth.views import LoginView
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse_lazy
from django.views.generic import CreateView


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


class SignUp(CreateView):
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
