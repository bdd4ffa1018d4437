"""The REST API: who gets in, how much, from which pages, and the document that describes it."""

from corsheaders.defaults import default_headers

from chatboost.settings.environment import env

# Requests of one key, user, or address without credentials; empty: no limit.
API_RATE_LIMIT = env.str("API_RATE_LIMIT", default="1200/min")
# Open sockets of one user in one web process.
SOCKETS_PER_USER = env.int("SOCKETS_PER_USER", default=10)
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "teams.authentication.JWTAuthentication",
        "teams.authentication.ApiKeyAuthentication",
        "teams.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["chatboost.core.api.permissions.RolePermission"],
    "DEFAULT_THROTTLE_CLASSES": ["chatboost.core.api.throttles.CallerThrottle"],
    "DEFAULT_PAGINATION_CLASS": "chatboost.core.api.pagination.Pages",
    "DEFAULT_FILTER_BACKENDS": [
        "chatboost.core.api.filters.FilterBackend",
        "chatboost.core.api.filters.SearchFilter",
        "chatboost.core.api.filters.OrderingFilter",
    ],
    "DEFAULT_PARSER_CLASSES": [
        "chatboost.core.api.parsers.StrictJSONParser",
        "chatboost.core.api.parsers.BrowserFormParser",
        "chatboost.core.api.parsers.BrowserMultiPartParser",
    ],
    "DEFAULT_RENDERER_CLASSES": [
        "rest_framework.renderers.JSONRenderer",
        "chatboost.core.api.renderers.BrowsableRenderer",
    ],
    "DEFAULT_SCHEMA_CLASS": "chatboost.core.api.schema.Schema",
    "EXCEPTION_HANDLER": "chatboost.core.api.problems.exception_handler",
    "URL_FORMAT_OVERRIDE": None,
    "PAGE_SIZE": 50,
}
# Pages of other sites that may call the API, with a key or token: never with the console's cookie.
CORS_ALLOWED_ORIGINS = env.list("CORS_ALLOWED_ORIGINS", default=[])
CORS_ALLOW_ALL_ORIGINS = "*" in CORS_ALLOWED_ORIGINS
if CORS_ALLOW_ALL_ORIGINS:
    CORS_ALLOWED_ORIGINS = []
CORS_ALLOW_CREDENTIALS = False
CORS_URLS_REGEX = r"^/(?!(?:admin|accounts|static)(?:/|$)).*$"
CORS_ALLOW_HEADERS = [*default_headers, "idempotency-key", "range", "x-organization", "x-request-id"]
CORS_EXPOSE_HEADERS = [
    "Content-Disposition",
    "Content-Range",
    "Idempotent-Replayed",
    "Retry-After",
    "WWW-Authenticate",
    "X-Request-ID",
]
SPECTACULAR_SETTINGS = {
    "TITLE": "ChatBoost",
    "DESCRIPTION": "Operations console for customer messaging on WhatsApp.",
    "VERSION": "0.1.0",
    "OAS_VERSION": "3.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["chatboost.core.api.permissions.SignedIn"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
    "COMPONENT_SPLIT_REQUEST": True,
    "PREPROCESSING_HOOKS": ["chatboost.core.api.schema.strip_optional_slash"],
    "POSTPROCESSING_HOOKS": [
        "drf_spectacular.hooks.postprocess_schema_enums",
        "chatboost.messaging.webhooks.schema.add_webhooks",
    ],
    "ENUM_GENERATE_CHOICE_DESCRIPTION": False,
    "ENUM_NAME_OVERRIDES": {
        "MessageStatusEnum": "chatboost.messaging.models.MessageStatus",
        "ContactStatusEnum": "chatboost.messaging.models.ContactStatus",
        "KindEnum": "chatboost.messaging.models.ChannelKind",
        "ConnectionPurposeEnum": "teams.models.Purpose",
        "ConnectedAccountKindEnum": "teams.models.AccountKind",
        "ConnectedAccountStateEnum": "teams.models.AccountState",
        "NotificationTypeEnum": "teams.models.NotificationType",
        "InvitationSourceKindEnum": "invitations.choices.SourceKind",
        "AssetKindEnum": "invitations.choices.AssetKind",
        "InvitationBatchStateEnum": "invitations.choices.BatchState",
        "InvitationStateEnum": "invitations.choices.InvitationState",
        "InvitationStepStateEnum": "invitations.choices.StepState",
    },
}
