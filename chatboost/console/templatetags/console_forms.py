"""`{% csrf_token %}` for every form of the console: it also says for which organization the form was opened.

One of the settings' builtins, so that the forms of Django's and Unfold's own templates say it too.
"""

from django import template
from django.template import Context
from django.template.base import Parser, Token
from django.template.defaulttags import CsrfTokenNode
from django.utils.html import format_html

register = template.Library()

# The hidden field, and what the console's site calls its value in a page's context.
FIELD = "opened_for_organization"


class FormTokenNode(CsrfTokenNode):
    """The token, and the organization of the page where there is one."""

    def render(self, context: Context) -> str:
        """Render one or two hidden fields."""
        token = super().render(context)
        opened_for = context.get(FIELD)
        if not opened_for:
            return token
        return format_html('{}<input type="hidden" name="{}" value="{}">', token, FIELD, opened_for)


@register.tag
def csrf_token(parser: Parser, token: Token) -> FormTokenNode:
    """Stand in for Django's tag."""
    return FormTokenNode()
