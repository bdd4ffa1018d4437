"""The console's looks and its frame: what django-unfold reads.

Docs: https://unfoldadmin.com/docs/configuration/settings/. Dotted paths are called with the request.
"""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "ChatBoost",
    "SITE_HEADER": "ChatBoost",
    "SITE_SUBHEADER": "chatboost.console.navigation.organization_name",
    "SITE_SYMBOL": "forum",
    "SITE_URL": None,
    "SITE_FAVICONS": "chatboost.console.navigation.favicons",
    "SHOW_VIEW_ON_SITE": False,
    "SHOW_BACK_BUTTON": True,
    "ENVIRONMENT": "chatboost.console.navigation.environment",
    "STYLES": ["chatboost.console.navigation.stylesheet"],
    "SCRIPTS": ["chatboost.console.navigation.script"],
    "BORDER_RADIUS": "8px",
    "COLORS": {
        # A green that reads on white and on black: 600 on white is 4.9 : 1.
        "primary": {
            "50": "oklch(97.5% .018 166)",
            "100": "oklch(94.5% .045 165)",
            "200": "oklch(89.5% .085 164)",
            "300": "oklch(83% .125 163)",
            "400": "oklch(75% .145 162)",
            "500": "oklch(64% .14 162)",
            "600": "oklch(53% .115 163)",
            "700": "oklch(45.5% .097 164)",
            "800": "oklch(38.5% .08 165)",
            "900": "oklch(33.5% .067 166)",
            "950": "oklch(22.5% .045 168)",
        },
    },
    "ACCOUNT": {"navigation": "chatboost.console.navigation.account_links"},
    "COMMAND": {"search_models": False, "show_history": False},
    "SIDEBAR": {
        "show_search": True,
        "command_search": False,
        "show_all_applications": False,
        "navigation": "chatboost.console.navigation.sidebar",
    },
    "TABS": "chatboost.console.navigation.tabs",
}
