"""The Content-Security-Policy of each page: strict, and looser only where a dependency needs it."""

from csp.constants import SELF, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest, HttpResponseBase

# django-rq's staff pages carry styles in the page. Their scripts stay forbidden: each is one call
# of a jQuery plug-in that Django's admin no longer has, and the pages work without it.
INLINE_ROUTES = ("admin/rq/", "admin/django_rq/")
INLINE = {"style-src": [SELF, UNSAFE_INLINE]}


class PolicyMiddleware(CSPMiddleware):
    """django-csp's middleware, with the exception above."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        parts = super().get_policy_parts(request, response, report_only=report_only)
        if request.resolver_match and request.resolver_match.route.startswith(INLINE_ROUTES):
            parts.update = INLINE
        return parts
