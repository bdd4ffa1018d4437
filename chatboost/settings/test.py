"""The test suite: SQLite in a temporary folder or DATABASE_URL, no broker unless a test starts one."""

import os
import tempfile

os.environ.setdefault("CHATBOOST_ENV_FILE", "")
os.environ.setdefault("CHATBOOST_DATA_DIR", tempfile.mkdtemp(prefix="chatboost-test-"))

from chatboost.settings.dev import *  # noqa: F403
from chatboost.settings.environment import env

ALLOWED_HOSTS = ["*"]
if DATABASES["default"]["ENGINE"] == "chatboost.core.db.sqlite":
    # pytest-django knows by the engine's name only that Django's own needs no file.
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
    # In memory, SQLite locks tables and not the file: a reader in a thread would turn a writer away at once.
    DATABASES["default"]["OPTIONS"]["init_command"] += "PRAGMA read_uncommitted=ON;"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LOG_LEVEL = env.str("LOG_LEVEL", default="ERROR")
if not env.str("REDIS_URL", default=""):
    CACHES["default"] = {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    CHANNEL_LAYERS["default"] = {"BACKEND": "channels.layers.InMemoryChannelLayer"}
else:
    # Runs side by side empty their caches: each has its own, and none is where the broker's keys are.
    _number = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) + 1
    CACHES["default"]["LOCATION"] = f"{REDIS_URL.rsplit('/', 1)[0]}/{_number}"
FETCH_ALLOWED_PRIVATE_HOSTS = env.list("FETCH_ALLOWED_PRIVATE_HOSTS", default=[])
COMPRESSION_DEMO_PICTURES = False
# Nothing rings a broker unless a test starts one.
WORK_CELERY_QUEUES = env.list("WORK_CELERY_QUEUES", default=[])
# Tests that are about limits set their own.
API_RATE_LIMIT = env.str("API_RATE_LIMIT", default="")

# Files are looked for when they are asked for: each test's client would list them all.
WHITENOISE_AUTOREFRESH = True
