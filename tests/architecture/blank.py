"""Templates that hold nothing: for tests that want to know what a page answers, and not how it looks."""

from typing import Any

from django.template import Origin, Template
from django.template.loaders.base import Loader as BaseLoader

BACKEND = {
    "BACKEND": "django.template.backends.django.DjangoTemplates",
    "OPTIONS": {"loaders": ["tests.architecture.blank.Loader"]},
}


class Loader(BaseLoader):
    """Finds every template, empty."""

    def get_template(self, template_name: str, skip: Any = None) -> Template:
        """Return an empty template."""
        return Template("", origin=Origin(template_name, template_name, self), engine=self.engine)
