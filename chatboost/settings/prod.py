"""Production: no default for a secret, TLS in front, PostgreSQL and Redis from the environment."""

from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

from chatboost.settings.base import *  # noqa: F403
from chatboost.settings.base import REDIS_URL
from chatboost.settings.environment import env

SECRET_KEY = env.str("SECRET_KEY")
JWT_SIGNING_KEY = env.str("JWT_SIGNING_KEY")
HEADLESS_JWT_PRIVATE_KEY = JWT_SIGNING_KEY
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS")
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL").rstrip("/")
WHATSAPP_WEBHOOK_VERIFY_TOKEN = env.str("WHATSAPP_WEBHOOK_VERIFY_TOKEN", default="")

if not REDIS_URL:
    raise ImproperlyConfigured(
        "Set REDIS_URL: the cache and the live channels need it, whatever the broker is."
    )

ENVIRONMENT = env.str("ENVIRONMENT", default="production")
FETCH_ALLOWED_PRIVATE_HOSTS = []
COMPRESSION_DEMO_PICTURES = False

_is_tls = urlsplit(PUBLIC_BASE_URL).scheme == "https"
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_SSL_REDIRECT = _is_tls
SECURE_REDIRECT_EXEMPT = [r"^livez/?$", r"^readyz/?$", r"^metrics/?$"]
SECURE_HSTS_SECONDS = env.int("SECURE_HSTS_SECONDS", default=31_536_000) if _is_tls else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = _is_tls
SECURE_HSTS_PRELOAD = _is_tls
SESSION_COOKIE_SECURE = _is_tls
CSRF_COOKIE_SECURE = _is_tls
if _is_tls:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
