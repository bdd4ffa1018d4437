"""`.env.example` and the settings name the same variables."""

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from chatboost.settings import environment

ROOT = Path(__file__).resolve().parents[2]

# Read by the parent shell or by the tests, not settings of the product.
ELSEWHERE = {"DJANGO_SETTINGS_MODULE", "PYTEST_XDIST_WORKER"}

# What the older systems' documents tell people to set: it still works, or the example says why it does not.
OF_THE_OLDER_SYSTEMS = {
    *("SECRET_KEY", "DATABASE_URL", "ACCESS_TOKEN_EXPIRE_MINUTES", "ENVIRONMENT", "DEBUG", "PUBLIC_BASE_URL"),
    *("REDIS_URL", "REDIS_HOST", "REDIS_PORT", "REDIS_DB", "CELERY_BROKER_URL", "CELERY_RESULT_BACKEND"),
    *("RABBITMQ_HOST", "RABBITMQ_PORT", "RABBITMQ_USER", "RABBITMQ_PASSWORD", "CELERY_RESULT_EXPIRES"),
    *("CELERY_TASK_TIME_LIMIT", "CELERY_TASK_SOFT_TIME_LIMIT", "CELERY_TASK_DEFAULT_RETRY_DELAY"),
    *("CELERY_TASK_MAX_RETRIES", "FLOW_EXECUTION_TIMEOUT", "TRIGGER_CHECK_INTERVAL"),
    *("TRIGGER_SCHEDULE_UPDATE_INTERVAL", "WHATSAPP_ACCESS_TOKEN", "WHATSAPP_PHONE_NUMBER_ID"),
    *("WHATSAPP_BUSINESS_ACCOUNT_ID", "WHATSAPP_WEBHOOK_VERIFY_TOKEN", "WHATSAPP_API_VERSION"),
    *("TWILIO_ACCOUNT_SID", "TWILIO_AUTH_TOKEN", "TWILIO_WHATSAPP_NUMBER", "GEMINI_API_KEY", "GEMINI_MODEL"),
    *("SESSION_TYPE", "SESSION_COOKIE_SECURE", "SESSION_LIFETIME", "TELEGRAM_BOT_TOKEN", "TELEGRAM_CHAT_ID"),
    *("MAUTIC_API_URL", "MAUTIC_AUTH", "OUTPUT_DIR", "INVITATION_TEMPLATE", "EMAIL_HOST", "EMAIL_PORT"),
    *(
        "EMAIL_HOST_USER",
        "EMAIL_HOST_PASSWORD",
        "EMAIL_USE_TLS",
        "CORS_ALLOWED_ORIGINS",
        "FIELD_ENCRYPTION_KEYS",
    ),
}

# Hand the environment on to the processes they start, or the part of it that these may know.
START_PROCESSES = {
    *(path.relative_to(ROOT) for path in (ROOT / "chatboost/core/supervisor").glob("*.py")),
    Path("chatboost/core/isolation/pool.py"),
}


def read_by_settings() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "chatboost" / "settings").glob("*.py"):
        text = path.read_text()
        found |= set(re.findall(r"env(?:\.\w+)?\(\s*[\"']([A-Z][A-Z0-9_]+)[\"']", text))
        found |= set(re.findall(r'environ\.(?:get|setdefault)\(\s*"([A-Z][A-Z0-9_]+)"', text))
    return found - ELSEWHERE


def test_example_names_every_variable_that_is_read() -> None:
    text = (ROOT / ".env.example").read_text()
    named = set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", text, re.MULTILINE))
    assert named == read_by_settings()


def test_every_variable_of_the_older_systems_works_or_says_why_not() -> None:
    text = (ROOT / ".env.example").read_text()
    stated = set(re.findall(r"^# ([A-Z][A-Z0-9_]+): (?:without effect, |not read yet\.)", text, re.MULTILINE))
    assert stated & read_by_settings() == set()
    assert stated | read_by_settings() >= OF_THE_OLDER_SYSTEMS


def test_database_address_of_the_older_system_is_read(tmp_path: Path) -> None:
    read = environment.database(f"sqlite+aiosqlite:///{tmp_path / 'app.db'}")
    assert (read["ENGINE"], read["NAME"]) == ("chatboost.core.db.sqlite", str(tmp_path / "app.db"))


def test_rabbitmq_in_four_parts_is_an_address_that_holds_any_password() -> None:
    url = environment.rabbitmq_url(host="mq", port=5673, user="me", password="p@ss/word")
    parts = urlsplit(url)
    assert (parts.hostname, parts.port, unquote(parts.password or "")) == ("mq", 5673, "p@ss/word")


def test_environment_is_read_only_in_settings() -> None:
    offenders = [
        str(path.relative_to(ROOT))
        for package in (
            "chatboost",
            "teams",
            "flows",
            "triggers",
            "campaigns",
            "assistant",
            "invitations",
            "compression",
            "analytics",
        )
        for path in (ROOT / package).rglob("*.py")
        if "settings" not in path.parts
        and path.relative_to(ROOT) not in START_PROCESSES
        and re.search(r"os\.environ(?!\.setdefault\(\"DJANGO_SETTINGS_MODULE)|os\.getenv", path.read_text())
    ]
    assert offenders == []
