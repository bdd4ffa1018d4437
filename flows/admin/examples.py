"""One working example of each node kind's config, shown beside the editor."""

from typing import Any, Final

EXAMPLES: Final[dict[str, list[tuple[str, dict[str, Any]]]]] = {
    "send_message": [
        (
            "A text; placeholders are filled in",
            {"message_type": "text", "content": {"text": "Hello {{contact.first_name}}!"}, "next": 1},
        ),
        (
            "Up to three buttons",
            {
                "message_type": "interactive",
                "content": {
                    "body": "What would you like?",
                    "buttons": [{"id": "menu", "title": "Menu"}, {"id": "hours", "title": "Opening hours"}],
                },
                "next": 1,
            },
        ),
        (
            "A list of up to ten rows",
            {
                "message_type": "interactive",
                "content": {
                    "body": "Choose a topic",
                    "button": "Topics",
                    "sections": [
                        {"rows": [{"id": "price", "title": "Prices", "description": "All in euro"}]}
                    ],
                },
                "next": 1,
            },
        ),
    ],
    "wait": [
        (
            "For an answer, two hours at most",
            {
                "wait_for": "input",
                "variable": "state.answer",
                "timeout": {"duration": 2, "unit": "hours"},
                "next": 2,
                "timeout_path": None,
            },
        ),
        ("For some time", {"duration": 5, "unit": "minutes", "next": 2}),
    ],
    "condition": [
        (
            "Two ways on",
            {
                "variable": "state.answer_id",
                "operator": "==",
                "value": "menu",
                "true_path": 3,
                "false_path": None,
            },
        ),
    ],
    "set_attribute": [
        (
            "Remember something about the contact",
            {
                "attribute_key": "city",
                "attribute_value": "{{state.answer}}",
                "value_type": "string",
                "next": None,
            },
        ),
    ],
    "webhook_action": [
        (
            "Ask a server and keep its answer",
            {
                "url": "https://example.com/orders",
                "method": "POST",
                "body": {"phone": "{{contact.phone}}"},
                "store_response_in": "state.order",
                "next": 4,
                "error_path": None,
            },
        ),
    ],
}
