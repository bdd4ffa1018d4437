"""Messages with reply buttons or a list.

Content: `{"body", "header"?, "footer"?, "buttons": [{"id", "title"}]}` or `{"body", "header"?, "footer"?,
"button", "sections": [{"title"?, "rows": [{"id", "title", "description"?}]}]}`.
Every text may hold placeholders, ids may not: a reply is known by its id.

Source of the limits: Meta's Cloud API reference, messages, interactive object.
"""

from collections.abc import Callable
from typing import Any, Final

from flows.engine.frame import Frame, NodeFailedError
from flows.engine.nodes import texts
from flows.engine.problems import Problem, error

Content = dict[str, Any]
Write = Callable[[Frame], Content]

MAX_TEXT: Final = 1024
MAX_HEADER: Final = 60
MAX_FOOTER: Final = 60
MAX_BUTTONS: Final = 3
MAX_BUTTON_TITLE: Final = 20
MAX_BUTTON_ID: Final = 256
MAX_SECTIONS: Final = 10
MAX_SECTION_TITLE: Final = 24
MAX_ROWS: Final = 10
MAX_ROW_TITLE: Final = 24
MAX_ROW_DESCRIPTION: Final = 72
MAX_ROW_ID: Final = 200


def check(content: Content) -> list[Problem]:
    """List what is wrong with an interactive content."""
    problems = texts.check(content.get("body"), "content.body", MAX_TEXT)
    problems += texts.check(content.get("header"), "content.header", MAX_HEADER, is_optional=True)
    problems += texts.check(content.get("footer"), "content.footer", MAX_FOOTER, is_optional=True)
    if ("buttons" in content) == ("sections" in content):
        return [*problems, error("content", "bad_interactive_type", "Give buttons, or a list's sections.")]
    return problems + (_check_buttons(content["buttons"]) if "buttons" in content else _check_list(content))


def writer(content: Content) -> Write:
    """Return the function that fills in a checked content.

    Raises: NodeFailedError `text_too_long, empty_text, duplicate_title`.
    """
    frame_of = _frame_writer(content)
    write_choices = _buttons_writer(content) if "buttons" in content else _list_writer(content)
    return lambda frame: frame_of(frame) | write_choices(frame)


def _check_buttons(buttons: Any) -> list[Problem]:
    path = "content.buttons"
    if not isinstance(buttons, list) or not 1 <= len(buttons) <= MAX_BUTTONS:
        return [error(path, "bad_button_count", f"1 to {MAX_BUTTONS} buttons.")]
    problems = []
    for index, button in enumerate(buttons):
        problems += _check_choice(button, f"{path}.{index}", MAX_BUTTON_TITLE, MAX_BUTTON_ID)
    return problems + _check_unique(buttons, path)


def _check_list(content: Content) -> list[Problem]:
    path = "content.sections"
    problems = texts.check(content.get("button"), "content.button", MAX_BUTTON_TITLE)
    sections = content.get("sections")
    if not isinstance(sections, list) or not 1 <= len(sections) <= MAX_SECTIONS:
        return [*problems, error(path, "bad_section_count", f"1 to {MAX_SECTIONS} sections.")]
    for index, section in enumerate(sections):
        problems += _check_section(section, f"{path}.{index}", is_only=len(sections) == 1)
    rows = _rows(sections)
    if len(rows) > MAX_ROWS:
        problems.append(error(path, "bad_row_count", f"{MAX_ROWS} rows at most in all sections."))
    return problems + _check_unique(rows, path)


def _check_section(section: Any, path: str, *, is_only: bool) -> list[Problem]:
    if not isinstance(section, dict):
        return [error(path, "bad_section", "A section has a title and rows.")]
    problems = texts.check(section.get("title"), f"{path}.title", MAX_SECTION_TITLE, is_optional=is_only)
    rows = section.get("rows")
    if not isinstance(rows, list) or not rows:
        return [*problems, error(f"{path}.rows", "bad_row_count", "At least one row.")]
    for index, row in enumerate(rows):
        place = f"{path}.rows.{index}"
        problems += _check_choice(row, place, MAX_ROW_TITLE, MAX_ROW_ID)
        if isinstance(row, dict):
            description = row.get("description")
            problems += texts.check(
                description, f"{place}.description", MAX_ROW_DESCRIPTION, is_optional=True
            )
    return problems


def _check_choice(choice: Any, path: str, title_limit: int, id_limit: int) -> list[Problem]:
    if not isinstance(choice, dict):
        return [error(path, "bad_choice", "A choice has an id and a title.")]
    problems = texts.check(choice.get("title"), f"{path}.title", title_limit)
    reply_id = choice.get("id")
    if not isinstance(reply_id, str) or not reply_id.strip() or "{{" in reply_id:
        problems.append(error(f"{path}.id", "bad_id", "An id is a fixed text."))
    elif len(reply_id) > id_limit:
        problems.append(error(f"{path}.id", "id_too_long", f"{id_limit} characters at most."))
    return problems


def _check_unique(choices: list[Any], path: str) -> list[Problem]:
    choices = [choice for choice in choices if isinstance(choice, dict)]
    ids = [choice.get("id") for choice in choices]
    titles = [choice.get("title") for choice in choices]
    problems = []
    if _has_double(ids):
        problems.append(error(path, "duplicate_id", "Two choices have the same id."))
    if _has_double(titles):
        problems.append(error(path, "duplicate_title", "Two choices have the same title."))
    return problems


def _has_double(values: list[Any]) -> bool:
    words = [value for value in values if isinstance(value, str)]
    return len(set(words)) < len(words)


def _rows(sections: list[Any]) -> list[Any]:
    groups = (section.get("rows") for section in sections if isinstance(section, dict))
    return [row for rows in groups if isinstance(rows, list) for row in rows]


def _frame_writer(content: Content) -> Write:
    """Write what buttons and lists share: body, header and footer."""
    parts = _writers(content, "content", {"body": MAX_TEXT, "header": MAX_HEADER, "footer": MAX_FOOTER})
    return lambda frame: {name: write(frame) for name, write in parts}


def _buttons_writer(content: Content) -> Write:
    buttons = _choices_writer(content["buttons"], "content.buttons", {"title": MAX_BUTTON_TITLE})
    return lambda frame: {"buttons": _distinct(buttons(frame))}


def _list_writer(content: Content) -> Write:
    button = texts.writer(content["button"], "content.button", MAX_BUTTON_TITLE)
    limits = {"title": MAX_ROW_TITLE, "description": MAX_ROW_DESCRIPTION}
    sections = [
        (
            _writers(section, f"content.sections.{index}", {"title": MAX_SECTION_TITLE}),
            _choices_writer(section["rows"], f"content.sections.{index}.rows", limits),
        )
        for index, section in enumerate(content["sections"])
    ]

    def write(frame: Frame) -> Content:
        filled: list[Content] = [
            {name: write_text(frame) for name, write_text in titles} | {"rows": write_rows(frame)}
            for titles, write_rows in sections
        ]
        _distinct([row for section in filled for row in section["rows"]])
        return {"button": button(frame), "sections": filled}

    return write


def _choices_writer(
    choices: list[Content], path: str, limits: dict[str, int]
) -> Callable[[Frame], list[Content]]:
    parts = [
        (choice["id"], _writers(choice, f"{path}.{index}", limits)) for index, choice in enumerate(choices)
    ]

    def write(frame: Frame) -> list[Content]:
        return [
            {"id": reply_id} | {name: write_text(frame) for name, write_text in writers}
            for reply_id, writers in parts
        ]

    return write


def _writers(item: Content, path: str, limits: dict[str, int]) -> list[tuple[str, texts.Write]]:
    """Return the writers of those texts that the item has."""
    found = [
        (name, texts.optional_writer(item.get(name), f"{path}.{name}", limit))
        for name, limit in limits.items()
    ]
    return [(name, write) for name, write in found if write is not None]


def _distinct(choices: list[Content]) -> list[Content]:
    if _has_double([choice["title"] for choice in choices]):
        raise NodeFailedError("duplicate_title", "Two choices have the same title once their values are in.")
    return choices
