"""What a User-Agent header calls itself, in words for people."""

# More telling first: nearly every browser also claims to be Safari, and Edge to be Chrome.
BROWSERS = (
    ("Edg", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
)
LONGEST = 60


def short(user_agent: str) -> str:
    """Return "Firefox on Linux", or the header itself, cut short, for a program."""
    browser = next((name for mark, name in BROWSERS if mark in user_agent), "")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    if not user_agent.startswith("Mozilla/") or not browser:
        return user_agent[:LONGEST] or "Unknown program"
    return f"{browser} on {system}" if system else browser
