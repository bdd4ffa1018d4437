"""Check keywords and regular expressions that people type before they become triggers.

Patterns are RE2's: matching takes time in proportion to text and program, whatever the pattern
(Source: github.com/google/re2/wiki/Syntax). What RE2 can't promise that for, it refuses.
"""

from typing import Final

import re2

from triggers.matching import text as text_forms
from triggers.matching.rules import KeywordRule, MatchType, Problem

MAX_KEYWORD_LENGTH: Final = 500
MAX_PATTERN_MEMORY: Final = 1024 * 1024
MAX_PROGRAM_SIZE: Final = 4_000

_LOOKAROUND = ("(?=", "(?!", "(?<=", "(?<!")
_MESSAGES: Final = {
    "missing )": ("missing_parenthesis", "An opening parenthesis has no closing one."),
    "unexpected )": ("missing_parenthesis", "A closing parenthesis has no opening one."),
    "missing ]": ("missing_bracket", "An opening bracket [ has no closing one."),
    "no argument for repetition operator": (
        "nothing_to_repeat",
        "{detail} has nothing before it to repeat; write \\{detail} for the character itself.",
    ),
    "bad repetition operator": (
        "bad_repetition",
        "Repetitions can't follow one another ({detail}); possessive ones aren't supported.",
    ),
    "invalid repetition size": (
        "bad_repetition",
        "The repetition {detail} is out of order or too large: together they may ask for 1000 at most.",
    ),
    "invalid character class range": ("bad_class", "{detail} isn't a known range or class of characters."),
    "invalid named capture group": ("bad_group_name", "The name of the group {detail} isn't valid."),
    "trailing \\": ("trailing_backslash", "The pattern ends in a single backslash; write \\\\ for one."),
    "pattern too large": ("too_large", "The pattern is too large; use fewer or smaller repetitions."),
}


def validate_rule(rule: KeywordRule) -> tuple[Problem, ...]:
    """Return what is wrong with the keywords of `rule`, in their order."""
    if not rule.keywords:
        return (Problem("no_keywords", "At least one keyword is needed.", "", rule.id),)
    problems = (validate_keyword(keyword, rule.match_type) for keyword in rule.keywords)
    return tuple(
        Problem(problem.code, problem.message, problem.keyword, rule.id) for problem in problems if problem
    )


def validate_keyword(keyword: str, match_type: MatchType) -> Problem | None:
    """Return why `keyword` can't be used for this match type, None if it can."""
    if match_type == MatchType.REGEX:
        return validate_pattern(keyword)
    if len(keyword) > MAX_KEYWORD_LENGTH:
        return _too_long(keyword)
    if not text_forms.plain(keyword):
        return Problem("empty", "The keyword is empty, or holds only characters that are ignored.", keyword)
    return None


def validate_pattern(pattern: str) -> Problem | None:
    """Return why `pattern` can't be used as a regular expression, None if it can."""
    if len(pattern) > MAX_KEYWORD_LENGTH:
        return _too_long(pattern)
    reduced = text_forms.fold_pattern(pattern)
    if not reduced.strip():
        return Problem("empty", "The pattern is empty, or holds only characters that are ignored.", pattern)
    try:
        # The form that ignores case is the larger one: if it fits, so does the other.
        compiled = re2.compile("(?i)" + reduced, pattern_options(MAX_PATTERN_MEMORY))
    except re2.error as error:
        return _refusal(pattern, error)
    if compiled.programsize > MAX_PROGRAM_SIZE:
        return Problem(*_MESSAGES["pattern too large"], pattern)
    return None


def pattern_options(max_memory: int) -> re2.Options:
    """Return RE2's options for user patterns: bounded memory, no logging, no captures."""
    options = re2.Options()
    options.max_mem = max_memory
    options.log_errors = False
    options.never_capture = True
    return options


def _too_long(keyword: str) -> Problem:
    return Problem("too_long", f"At most {MAX_KEYWORD_LENGTH} characters are allowed.", keyword)


def _refusal(pattern: str, error: re2.error) -> Problem:
    """Turn RE2's `<reason>: <fragment>` into a sentence for the pattern's author."""
    raw = error.args[0]
    reason, _, detail = (raw.decode(errors="replace") if isinstance(raw, bytes) else str(raw)).partition(": ")
    if reason == "invalid perl operator":
        return _group_refusal(pattern, detail)
    if reason == "invalid escape sequence":
        return _escape_refusal(pattern, detail)
    known = next((key for key in _MESSAGES if reason.startswith(key)), None)
    if known is None:
        return Problem("bad_pattern", f"The pattern isn't valid: {reason} {detail}".strip() + ".", pattern)
    code, message = _MESSAGES[known]
    return Problem(code, message.format(detail=detail), pattern)


def _group_refusal(pattern: str, detail: str) -> Problem:
    if detail.startswith(_LOOKAROUND):
        message = f"Look-ahead and look-behind ({detail}…) aren't supported; match the text itself."
        return Problem("lookaround", message, pattern)
    if detail.startswith("(?P") and "(?P=" in pattern:
        return Problem("backreference", "References to an earlier group ((?P=…) aren't supported.", pattern)
    return Problem("bad_group", f"Groups that start with {detail} aren't supported.", pattern)


def _escape_refusal(pattern: str, detail: str) -> Problem:
    if detail[1:2].isdigit():
        message = f"References to an earlier group ({detail}) aren't supported."
        return Problem("backreference", message, pattern)
    hints = {"\\Z": " Use $ or \\z for the end.", "\\u": " Write \\x{0627} for a character by its number."}
    return Problem("bad_escape", f"{detail} isn't supported.{hints.get(detail, '')}", pattern)
