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
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
LOG_LEVEL = env.str("LOG_LEVEL", default="ERROR")
if not env.str("REDIS_URL", default=""):
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
FETCH_ALLOWED_PRIVATE_HOSTS = []
# Nothing rings a broker unless a test starts one.
WORK_CELERY_QUEUES = env.list("WORK_CELERY_QUEUES", default=[])
