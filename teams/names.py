"""Names of people and organizations: one line each, as strangers read them in mails."""

import unicodedata

from django.core.validators import RegexValidator

# Control characters, halves of surrogate pairs, and what breaks a line.
_BREAKS = {"Cc", "Cs", "Zl", "Zp"}

# Refuses a name with line breaks or control characters; the API's document shows the pattern.
check = RegexValidator(
    r"\A[^\x00-\x1f\x7f-\x9f\u2028\u2029]+\Z",
    "A name is one line, without control characters.",
    "not_one_line",
)


def one_line(name: str) -> str:
    """Return a name, wherever it comes from, without what `check` refuses."""
    return " ".join("".join(" " if _is_broken(each) else each for each in name).split())


def _is_broken(text: str) -> bool:
    return any(unicodedata.category(each) in _BREAKS for each in text)
