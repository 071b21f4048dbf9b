"""Every address of the site."""

from django.contrib import admin
from django.contrib.auth.views import LogoutView, PasswordChangeDoneView
from django.templatetags.static import static
from django.urls import include, path, re_path
from django.views.generic import RedirectView

from agentsite.accounts import ChangePassword, LogIn, SignUp
from conversations.admin.operations.views import urls as operations

changed = PasswordChangeDoneView.as_view(template_name="registration/password_changed.html")
urlpatterns = [
    path("", include("conversations.urls")),
    path("login/", LogIn.as_view(), name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("signup/", SignUp.as_view(), name="signup"),
    path("password/", ChangePassword.as_view(), name="password"),
    path("password/changed/", changed, name="password_changed"),
    path("favicon.ico", RedirectView.as_view(url=static("conversations/favicon.svg"))),
    # RQ's own metrics call its racy counters; ours are at /metrics, and people look here
    re_path("^admin/rq/metrics/?$", RedirectView.as_view(pattern_name="operations")),
    path("admin/rq/", include("django_rq.urls")),
    path("admin/operations/", include(operations())),
    path("admin/", admin.site.urls),
]
