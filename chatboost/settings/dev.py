"""One machine, nothing else installed: what `make run` uses. Secrets are made at first start."""

from chatboost.settings.base import *  # noqa: F403
from chatboost.settings.base import (
    ALLOWED_HOSTS,
    BIND,
    DATA_DIR,
    FIELD_ENCRYPTION_KEYS,
    JWT_SIGNING_KEY,
    PORT,
    PUBLIC_BASE_URL,
    SECRET_KEY,
    STATIC_ROOT,
    STORAGES,
    WHATSAPP_APP_SECRET,
    WHATSAPP_WEBHOOK_VERIFY_TOKEN,
)
from chatboost.settings.environment import env, local_secrets

_local = local_secrets(DATA_DIR)
SECRET_KEY = SECRET_KEY or _local["SECRET_KEY"]
JWT_SIGNING_KEY = JWT_SIGNING_KEY or _local["JWT_SIGNING_KEY"]
HEADLESS_JWT_PRIVATE_KEY = JWT_SIGNING_KEY
FIELD_ENCRYPTION_KEYS = FIELD_ENCRYPTION_KEYS or [_local["FIELD_ENCRYPTION_KEYS"]]
WHATSAPP_APP_SECRET = WHATSAPP_APP_SECRET or [_local["WHATSAPP_APP_SECRET"]]
WHATSAPP_WEBHOOK_VERIFY_TOKEN = WHATSAPP_WEBHOOK_VERIFY_TOKEN or _local["WHATSAPP_WEBHOOK_VERIFY_TOKEN"]

DEBUG = env.bool("DEBUG", default=False)
ALLOWED_HOSTS = [*ALLOWED_HOSTS, "localhost", "127.0.0.1", "[::1]", *([] if BIND == "0.0.0.0" else [BIND])]  # noqa: S104
PUBLIC_BASE_URL = PUBLIC_BASE_URL or f"http://127.0.0.1:{PORT}"
LOG_FORMAT = env.str("LOG_FORMAT", default="text")
LOGGING["handlers"]["stderr"]["formatter"] = LOG_FORMAT  # type: ignore[index]
# The files are found where the packages keep them: no collectstatic before the first run.
WHITENOISE_USE_FINDERS = True
STATIC_ROOT.mkdir(parents=True, exist_ok=True)
STORAGES = {**STORAGES, "staticfiles": {"BACKEND": "whitenoise.storage.CompressedStaticFilesStorage"}}
