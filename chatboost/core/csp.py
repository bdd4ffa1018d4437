"""Content security policies: what a page of ours may load and run, said to the browser with each answer.

No page loads anything from another host, and none runs a script that stands in its own text: words that got
into a page by mistake stay words. Docs: https://django-csp.readthedocs.io/.
"""

from typing import Any, Final

from csp.constants import NONE, SELF, UNSAFE_EVAL, UNSAFE_INLINE
from csp.middleware import CSPMiddleware, PolicyParts
from django.http import HttpRequest
from django.http.response import HttpResponseBase

# Data, files, redirects: nothing to run, nothing to load, not to be framed.
ANSWER: Final[dict[str, Any]] = {
    "default-src": [NONE],
    "base-uri": [NONE],
    "form-action": [NONE],
    "frame-ancestors": [NONE],
}

# Styles may stand in a page's text: the theme sets its colours and widths that way.
PAGE: Final[dict[str, Any]] = {
    "default-src": [SELF],
    "script-src": [SELF],
    "style-src": [SELF, UNSAFE_INLINE],
    "img-src": [SELF, "data:", "blob:"],
    "font-src": [SELF],
    "connect-src": [SELF],
    "object-src": [NONE],
    "base-uri": [SELF],
    "form-action": [SELF],
    "frame-ancestors": [NONE],
}

# Added on the console's pages: Alpine, which the theme is made with, builds functions from attributes.
CONSOLE: Final[dict[str, Any]] = {"script-src": [UNSAFE_EVAL]}


class ContentSecurityPolicyMiddleware(CSPMiddleware):
    """Give pages the settings' policy, with what their view adds, and every other answer the strict one."""

    def get_policy_parts(
        self, request: HttpRequest, response: HttpResponseBase, report_only: bool = False
    ) -> PolicyParts:
        """Return the policy by what the answer is."""
        is_page = response.get("Content-Type", "").startswith("text/html")
        if report_only or is_page:
            return super().get_policy_parts(request, response, report_only)
        return PolicyParts(config=ANSWER)
