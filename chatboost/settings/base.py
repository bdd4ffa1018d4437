"""Settings that every way of running shares."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import django_stubs_ext

from chatboost.core import csp
from chatboost.core.supervisor import valkey_urls
from chatboost.settings.api import *  # noqa: F403
from chatboost.settings.environment import BASE_DIR, database, env, rabbitmq_url
from chatboost.settings.files import *  # noqa: F403
from chatboost.settings.logs import *  # noqa: F403
from chatboost.settings.unfold import UNFOLD  # noqa: F401 read by django-unfold

# ModelForm[Contact] and its like, at run time too.
django_stubs_ext.monkeypatch()

# Folders: everything that a running installation writes is below DATA_DIR.
DATA_DIR = Path(env.str("CHATBOOST_DATA_DIR", default=str(BASE_DIR / "data"))).resolve()
MEDIA_ROOT = DATA_DIR / "files"
STATIC_ROOT = DATA_DIR / "static"
STATIC_URL = "static/"

ENVIRONMENT = env.str("ENVIRONMENT", default="development")
DEBUG = False
SECRET_KEY = env.str("SECRET_KEY", default="")
# First key encrypts, all decrypt: put a new key in front to rotate.
FIELD_ENCRYPTION_KEYS = env.list("FIELD_ENCRYPTION_KEYS", default=[])

PORT = env.int("PORT", default=8000)
BIND = env.str("BIND", default="127.0.0.1")
PUBLIC_BASE_URL = env.str("PUBLIC_BASE_URL", default="").rstrip("/")
ALLOWED_HOSTS: list[str] = env.list("ALLOWED_HOSTS", default=[])
CSRF_TRUSTED_ORIGINS: list[str] = []
if PUBLIC_BASE_URL:
    ALLOWED_HOSTS.append(PUBLIC_BASE_URL.split("://")[1].split("/")[0].split(":")[0])
    CSRF_TRUSTED_ORIGINS.append(PUBLIC_BASE_URL)

INSTALLED_APPS = [
    "chatboost.console",
    "unfold",
    "unfold.contrib.filters",
    "unfold.contrib.forms",
    # Registers nothing by itself: the console's own site does.
    "django.contrib.admin.apps.SimpleAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "whitenoise.runserver_nostatic",
    "django.contrib.staticfiles",
    "channels",
    "corsheaders",
    "rest_framework",
    "django_filters",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "django_structlog",
    # Before allauth, whose templates it overrides.
    "teams",
    "allauth",
    "allauth.account",
    "allauth.socialaccount",
    "allauth.socialaccount.providers.google",
    "allauth.mfa",
    "allauth.usersessions",
    "allauth.headless",
    "chatboost.core",
    "chatboost.messaging",
    "flows",
    "triggers",
    "campaigns",
    "assistant",
    "invitations",
    "compression",
    "analytics",
]

MIDDLEWARE = [
    # First: a browser must be let read whatever the others answer.
    "corsheaders.middleware.CorsMiddleware",
    "chatboost.core.middleware.OutageMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "chatboost.core.csp.ContentSecurityPolicyMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.middleware.gzip.GZipMiddleware",
    "django_structlog.middlewares.RequestMiddleware",
    "chatboost.core.middleware.RequestIdMiddleware",
    "chatboost.core.middleware.ReadableUrlMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "teams.middleware.OrganizationMiddleware",
]

# What pages may load and run; other answers get a stricter policy by the middleware.
CONTENT_SECURITY_POLICY = {"DIRECTIVES": csp.PAGE}

ROOT_URLCONF = "chatboost.urls"
ASGI_APPLICATION = "chatboost.asgi.application"
# The API answers with and without the slash by itself; a redirect would lose a POST's body.
APPEND_SLASH = False

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
            "builtins": ["chatboost.console.templatetags.console_forms"],
        },
    },
]

# Database. ATOMIC_REQUESTS stays off: with immediate transactions a read would wait for a writer.
DATABASES = {"default": database(env.str("DATABASE_URL", default=f"sqlite:///{DATA_DIR / 'db.sqlite3'}"))}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Broker, cache and channel layer: an external Redis when REDIS_URL (or REDIS_HOST) is set, else our Valkey.
REDIS_URL = env.str("REDIS_URL", default="")
if not REDIS_URL and env.str("REDIS_HOST", default=""):
    _redis_port, _redis_db = env.int("REDIS_PORT", default=6379), env.int("REDIS_DB", default=0)
    REDIS_URL = f"redis://{env.str('REDIS_HOST')}:{_redis_port}/{_redis_db}"
# One process that serves and pumps, where no embedded Valkey runs: set by `manage.py up`.
EMBEDDED_PUMP = env.bool("CHATBOOST_EMBEDDED_PUMP", default=False)
EMBEDDED_BROKER = not REDIS_URL
VALKEY_SOCKET = valkey_urls.socket_path(DATA_DIR)
# Set by `manage.py up` where the socket's path would be too long.
VALKEY_URL = env.str("CHATBOOST_VALKEY_URL", default="").rstrip("/")
RABBITMQ_URL = env.str("RABBITMQ_URL", default="")
if not RABBITMQ_URL and env.str("RABBITMQ_HOST", default=""):
    RABBITMQ_URL = rabbitmq_url(
        host=env.str("RABBITMQ_HOST"),
        port=env.int("RABBITMQ_PORT", default=5672),
        user=env.str("RABBITMQ_USER", default="guest"),
        password=env.str("RABBITMQ_PASSWORD", default="guest"),
    )

CELERY_BROKER_URL = env.str(
    "CELERY_BROKER_URL",
    default=RABBITMQ_URL
    or REDIS_URL
    or (f"{VALKEY_URL}/0" if VALKEY_URL else valkey_urls.broker_url(VALKEY_SOCKET)),
)
LAYER_URL = REDIS_URL or (f"{VALKEY_URL}/2" if VALKEY_URL else valkey_urls.layer_url(VALKEY_SOCKET))
CACHE_URL = REDIS_URL or (f"{VALKEY_URL}/3" if VALKEY_URL else valkey_urls.cache_url(VALKEY_SOCKET))
CHANNEL_LAYERS: dict[str, Any] = {
    "default": {
        "BACKEND": "channels_redis.core.RedisChannelLayer",
        # socket_timeout: redis-py 8 defaults to 5 s, which ends every idle WebSocket after 5 s.
        "CONFIG": {"hosts": [{"address": LAYER_URL, "socket_timeout": None}], "capacity": 200, "expiry": 30},
    }
}
# Without Redis each process limits sign-ins, and remembers the codes that were used, by itself.
CACHE_KEPT_HERE_WHEN_AWAY = ["allauth:rl:", "allauth.mfa.totp.used?"]
CACHES: dict[str, Any] = {
    "default": {
        "BACKEND": "chatboost.core.cache.RedisCache",
        "LOCATION": CACHE_URL,
        "OPTIONS": {"kept_here_when_away": CACHE_KEPT_HERE_WHEN_AWAY},
    }
}
if EMBEDDED_PUMP:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
SESSION_ENGINE = "django.contrib.sessions.backends.cached_db"
# Seconds.
SESSION_COOKIE_AGE = env.int("SESSION_LIFETIME", default=14 * 24 * 3600)

# Celery runs work, it never stores it: tasks carry a queue name, results are ignored.
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = False
CELERY_TASK_REJECT_ON_WORKER_LOST = False
# A task takes about ten seconds and what it has begun by then; files of imports and exports take longest.
CELERY_TASK_TIME_LIMIT = env.int("CELERY_TASK_TIME_LIMIT", default=1800)
CELERY_TASK_SOFT_TIME_LIMIT = env.int("CELERY_TASK_SOFT_TIME_LIMIT", default=1740)
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_WORKER_MAX_TASKS_PER_CHILD = 500
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 30
CELERY_WORKER_ENABLE_SOFT_SHUTDOWN_ON_IDLE = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_CONNECTION_MAX_RETRIES = None
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 3600,
    "socket_timeout": 5,
    "health_check_interval": 25,
}
CELERY_TASK_PUBLISH_RETRY_POLICY = {"max_retries": 1, "interval_start": 0.2}
CELERY_TASK_DEFAULT_QUEUE = "maintenance"
CELERY_BEAT_SCHEDULER = "chatboost.core.ticks.beat:Scheduler"
CELERY_BEAT_MAX_LOOP_INTERVAL = 5
# A pump sweeps by itself; this is for installations whose workers do everything. Sweeping twice is harmless.
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "core.sweep", "schedule": 5.0, "options": {"queue": "maintenance", "expires": 5.0}},
}

# The work table.
WORK_QUEUES = ["interactive", "campaign", "media", "maintenance"]
# Queues that a Celery worker serves, and so are nudged through the broker; a pump polls the others.
WORK_CELERY_QUEUES = env.list("WORK_CELERY_QUEUES", default=["campaign", "media", "maintenance"])
# A lease must outlive the longest drain: Celery's hard limit is 120 s.
WORK_LEASE = timedelta(seconds=env.float("WORK_LEASE_SECONDS", default=180))
WORK_SWEEP_INTERVAL = timedelta(seconds=env.float("WORK_SWEEP_SECONDS", default=1))
WORK_POLL_INTERVAL = timedelta(seconds=env.float("WORK_POLL_SECONDS", default=0.05))
WORK_BACKOFF_BASE = timedelta(seconds=env.float("WORK_BACKOFF_BASE_SECONDS", default=2))
WORK_BACKOFF_CAP = timedelta(seconds=env.float("WORK_BACKOFF_CAP_SECONDS", default=3600))
WORK_MAX_ERRORS = 8
# Of a vendor that is away: with the waits between them about a day.
WORK_MAX_PASSING_ERRORS = 58
WORK_MAX_CRASHES = env.int("WORK_MAX_CRASHES", default=3)

# Sends. An unclear outcome waits this long for the vendor's status echo before silence may count.
SEND_UNKNOWN_GRACE = timedelta(seconds=env.float("SEND_UNKNOWN_GRACE_SECONDS", default=75))
SEND_UNKNOWN_HOLD = timedelta(seconds=env.float("SEND_UNKNOWN_HOLD_SECONDS", default=300))
SEND_THREADS = env.int("SEND_THREADS", default=16)
# WhatsApp takes a message every six seconds to one person, and lends up to 45 of them ahead.
SEND_PAIR_INTERVAL = timedelta(seconds=env.float("SEND_PAIR_INTERVAL_SECONDS", default=6))
SEND_PAIR_BURST = env.int("SEND_PAIR_BURST", default=30)
# A bot that says more to one person in that time is paused there: another bot may answer it. 0: no limit.
BOT_MESSAGES_LIMIT = env.int("BOT_MESSAGES_LIMIT", default=20)
BOT_MESSAGES_WINDOW = timedelta(seconds=env.float("BOT_MESSAGES_WINDOW_SECONDS", default=300))
VENDOR_DEADLINE = timedelta(seconds=env.float("VENDOR_DEADLINE_SECONDS", default=10))
FLOW_EXECUTION_TIMEOUT = timedelta(seconds=env.int("FLOW_EXECUTION_TIMEOUT", default=1800))
FLOW_WEBHOOK_DEADLINE = timedelta(seconds=env.float("FLOW_WEBHOOK_DEADLINE_SECONDS", default=15))
FLOW_WEBHOOK_MAX_BYTES = 256 * 1024
# Hosts ("name" or "name:port") that a user-given URL may reach although private. Empty in production.
FETCH_ALLOWED_PRIVATE_HOSTS = env.list("FETCH_ALLOWED_PRIVATE_HOSTS", default=[])

# WhatsApp Cloud API.
WHATSAPP_API_BASE_URL = env.str("WHATSAPP_API_BASE_URL", default="https://graph.facebook.com")
WHATSAPP_API_VERSION = env.str("WHATSAPP_API_VERSION", default="v22.0")
WHATSAPP_APP_SECRET = env.list("WHATSAPP_APP_SECRET", default=[])
# One channel of the installation's first bot; no other bot inherits it.
WHATSAPP_ACCESS_TOKEN = env.str("WHATSAPP_ACCESS_TOKEN", default="")
WHATSAPP_PHONE_NUMBER_ID = env.str("WHATSAPP_PHONE_NUMBER_ID", default="")
WHATSAPP_WEBHOOK_VERIFY_TOKEN = env.str("WHATSAPP_WEBHOOK_VERIFY_TOKEN", default="")
WEBHOOK_MAX_BYTES = 3 * 1024 * 1024

# Notifications. The chat of organizations that have set up none of their own; the address is Telegram's own.
TELEGRAM_BOT_TOKEN = env.str("TELEGRAM_BOT_TOKEN", default="")
TELEGRAM_CHAT_ID = env.str("TELEGRAM_CHAT_ID", default="")
TELEGRAM_API_URL = env.str("TELEGRAM_API_URL", default="https://api.telegram.org").rstrip("/")
# Whoever has started a job is told of its end when it took longer.
JOB_NOTICE_AFTER = timedelta(seconds=env.float("JOB_NOTICE_AFTER_SECONDS", default=5))

# Accounts.
AUTH_USER_MODEL = "teams.User"
AUTHENTICATION_BACKENDS = [
    "teams.backends.RoleBackend",
    "allauth.account.auth_backends.AuthenticationBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
    # The older system's hashes; upgraded at the next sign-in.
    "teams.hashers.LegacyBCryptHasher",
    "django.contrib.auth.hashers.BCryptSHA256PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/admin/"
ACCOUNT_LOGOUT_REDIRECT_URL = "/accounts/login/"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*"]
ACCOUNT_EMAIL_VERIFICATION = "optional"
ACCOUNT_PREVENT_ENUMERATION = True
# Beside allauth's own limits: wrong passwords for one account, from whatever addresses that it was never
# used from. From one address it is five in five minutes.
ACCOUNT_RATE_LIMITS = {"login_failed_elsewhere": "50/h/key"}
ACCOUNT_FORMS = {"add_email": "teams.forms.AddEmailForm"}
ACCOUNT_ADAPTER = "teams.accounts.AccountAdapter"
MFA_ADAPTER = "teams.accounts.MFAAdapter"
MFA_TOTP_ISSUER = "ChatBoost"
# A code counts half a minute longer: telephones are late, and people slow.
MFA_TOTP_TOLERANCE = 1
# Without a mail server nobody can verify an address; they may secure their accounts all the same.
MFA_ALLOW_UNVERIFIED_EMAIL = True
REGISTRATION_OPEN = env.bool("REGISTRATION_OPEN", default=True)
# A deleted organization can be restored for so long; then its rows go.
ORGANIZATION_PURGE_AFTER = timedelta(days=env.float("ORGANIZATION_PURGE_AFTER_DAYS", default=7))
ORGANIZATIONS_PER_OWNER = env.int("ORGANIZATIONS_PER_OWNER", default=20)
INVITE_LIFETIME = timedelta(days=env.int("INVITE_LIFETIME_DAYS", default=7))
ALLAUTH_TRUSTED_PROXY_COUNT = env.int("TRUSTED_PROXY_COUNT", default=0)

JWT_SIGNING_KEY = env.str("JWT_SIGNING_KEY", default="")
ACCESS_TOKEN_EXPIRE_MINUTES = env.int("ACCESS_TOKEN_EXPIRE_MINUTES", default=30)
HEADLESS_TOKEN_STRATEGY = "teams.services.sessions.TokenStrategy"  # noqa: S105 a class path
HEADLESS_JWT_ALGORITHM = "HS256"
HEADLESS_JWT_STATEFUL_VALIDATION_ENABLED = True
HEADLESS_JWT_ACCESS_TOKEN_EXPIRES_IN = ACCESS_TOKEN_EXPIRE_MINUTES * 60
HEADLESS_CLIENTS = ("app",)

# Sign-in with Google, where both are set. The addresses are Google's own.
GOOGLE_SIGN_IN_CLIENT_ID = env.str("GOOGLE_SIGN_IN_CLIENT_ID", default="")
GOOGLE_SIGN_IN_CLIENT_SECRET = env.str("GOOGLE_SIGN_IN_CLIENT_SECRET", default="")
GOOGLE_AUTHORIZE_URL = env.str("GOOGLE_AUTHORIZE_URL", default="https://accounts.google.com/o/oauth2/v2/auth")
GOOGLE_TOKEN_URL = env.str("GOOGLE_TOKEN_URL", default="https://oauth2.googleapis.com/token")
GOOGLE_REVOKE_URL = env.str("GOOGLE_REVOKE_URL", default="https://oauth2.googleapis.com/revoke")
GOOGLE_API_ROOT = env.str("GOOGLE_API_ROOT", default="https://www.googleapis.com/")
# Accounts at Google that organizations connect, where both are set. Not the pair above by default: its
# registration may know no other redirect address, and the person would find that out at Google.
GOOGLE_CLIENT_ID = env.str("GOOGLE_CLIENT_ID", default="")
GOOGLE_CLIENT_SECRET = env.str("GOOGLE_CLIENT_SECRET", default="")
SOCIALACCOUNT_ADAPTER = "teams.google.adapter.GoogleAccountAdapter"
# Google answers for the addresses that it has verified; the adapter says which accounts that may open.
SOCIALACCOUNT_EMAIL_AUTHENTICATION = True
SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT = True
SOCIALACCOUNT_PROVIDERS = {
    "google": {
        "provider_class": "teams.google.provider.GoogleProvider",
        "SCOPE": ["profile", "email"],
        "OAUTH_PKCE_ENABLED": True,
    }
}

# Tables that people import: larger ones are refused. The rows are read and written in the background.
IMPORT_MAX_BYTES = env.int("IMPORT_MAX_BYTES", default=500 * 1024 * 1024)
IMPORT_MAX_ROWS = env.int("IMPORT_MAX_ROWS", default=1_000_000)
DATA_UPLOAD_MAX_MEMORY_SIZE = 1024 * 1024

# Compression. What an organization's settings begin with: the quality, and the share of the bytes.
COMPRESSION_QUALITY = env.int("COMPRESSION_QUALITY", default=50)
COMPRESSION_PERCENT = env.int("COMPRESSION_PERCENT", default=50)
COMPRESSION_MAX_BYTES = env.int("COMPRESSION_MAX_BYTES", default=10 * 1024 * 1024)
COMPRESSION_MAX_ROWS = env.int("COMPRESSION_MAX_ROWS", default=50_000)
COMPRESSION_MAX_IMAGES = env.int("COMPRESSION_MAX_IMAGES", default=100_000)
# Fetching an image, with all its redirects.
COMPRESSION_FETCH_DEADLINE = timedelta(seconds=env.float("COMPRESSION_FETCH_SECONDS", default=10))
COMPRESSION_FETCH_MAX_BYTES = env.int("COMPRESSION_FETCH_MAX_BYTES", default=25 * 1024 * 1024)
# Politeness: calls of an organization to one host at a time, and everybody's in a time; empty: no limit.
COMPRESSION_HOST_CONNECTIONS = env.int("COMPRESSION_HOST_CONNECTIONS", default=8)
COMPRESSION_HOST_RATE = env.str("COMPRESSION_HOST_RATE", default="50/s")
# Encoding child processes of each worker process.
COMPRESSION_PROCESSES = env.int("COMPRESSION_PROCESSES", default=1)
# Completion webhooks are signed with keys made of it, calls of /webhook-completed with itself; see
# compression.services.signing.
COMPRESSION_WEBHOOK_SECRET = env.str("COMPRESSION_WEBHOOK_SECRET", default="")
# Draws and serves the pictures of the demo, and lets them, alone, be fetched from this machine.
COMPRESSION_DEMO_PICTURES = env.bool("COMPRESSION_DEMO_PICTURES", default=False)

# Invitations. The Mautic of whoever runs the installation: sources that they make begin with it, no others.
MAUTIC_API_URL = env.str("MAUTIC_API_URL", default="").rstrip("/")
MAUTIC_AUTH = env.str("MAUTIC_AUTH", default="")
MAUTIC_DEADLINE = timedelta(seconds=env.float("MAUTIC_DEADLINE_SECONDS", default=20))
# A picture on this machine: the background of the layout that comes with ChatBoost.
INVITATION_TEMPLATE = env.str("INVITATION_TEMPLATE", default="")
# Fetching a photo, with all its redirects.
INVITATION_PHOTO_DEADLINE = timedelta(seconds=10)
INVITATION_PHOTO_MAX_BYTES = 25 * 1024 * 1024
# The largest table of people, in bytes, and the most rows in it.
INVITATION_MAX_BYTES = 10 * 1024 * 1024
INVITATION_MAX_ROWS = 20_000
# Child processes of a worker that draw cards and look for faces.
INVITATION_PROCESSES = env.int("INVITATION_PROCESSES", default=1)

DATA_UPLOAD_MAX_NUMBER_FIELDS = 2000

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = True
FORMAT_MODULE_PATH = ["chatboost.console.formats"]

# Mail. Without a server the console's mailbox keeps what would have been sent.
EMAIL_HOST = env.str("EMAIL_HOST", default="")
EMAIL_PORT = env.int("EMAIL_PORT", default=587)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", default="")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", default="")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", default=EMAIL_PORT == 587)
EMAIL_USE_SSL = env.bool("EMAIL_USE_SSL", default=EMAIL_PORT == 465)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="ChatBoost <noreply@localhost>")

# Whoever scrapes /metrics sends it as a bearer token; without one only this machine may.
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
