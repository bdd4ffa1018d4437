"""Where files lie: in the data folder, or in a bucket of S3 or of what speaks like it."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured

from chatboost.settings.environment import env

# Bytes of a file that is read are kept in memory up to here, then in a temporary file.
_MAX_MEMORY = 2 * 1024 * 1024


def s3(
    bucket: str, *, endpoint_url: str = "", region: str = "", access_key_id: str = "", secret_key: str = ""
) -> dict[str, Any]:
    """Return the storage of a bucket, as STORAGES has it. Raises: ImproperlyConfigured."""
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": bucket,
            "endpoint_url": endpoint_url or None,
            "region_name": region or None,
            "access_key": access_key_id or None,
            "secret_key": secret_key or None,
            # Else one of the environment would be put beside our key. Its own chain reads it by itself.
            "security_token": None,
            # The bucket's owner alone reads: nobody is given an address in it.
            "default_acl": None,
            # Every path is a new uuid: to ask first whether it is taken would be a request a file.
            "file_overwrite": True,
            "max_memory_size": _MAX_MEMORY,
            **_boto(is_elsewhere=bool(endpoint_url)),
        },
    }


def _boto(*, is_elsewhere: bool) -> dict[str, Any]:
    try:
        from boto3.s3.transfer import TransferConfig
        from botocore.config import Config
    except ImportError as error:
        raise ImproperlyConfigured("S3_BUCKET needs what requirements/s3.txt lists.") from error
    options: dict[str, Any] = {}
    if is_elsewhere:
        # Bucket names are no host names there, and checksums in trailers are not understood by all.
        options["s3"] = {"addressing_style": "path"}
        options["request_checksum_calculation"] = options["response_checksum_validation"] = "when_required"
    return {
        "client_config": Config(
            signature_version="s3v4",
            connect_timeout=5,
            read_timeout=20,
            retries={"mode": "standard", "total_max_attempts": 2},
            **options,
        ),
        # What is written may be made while it is read, by rows: in the caller's thread and on its connection.
        # Without threads, a part (8 MiB) is in memory at a time.
        "transfer_config": TransferConfig(use_threads=False, preferred_transfer_client="classic"),
    }


S3_BUCKET = env.str("S3_BUCKET", default="")
S3_ENDPOINT_URL = env.str("S3_ENDPOINT_URL", default="")
S3_REGION = env.str("S3_REGION", default="")
# Without keys boto looks where it always does: its own variables, its files, the machine's role.
S3_ACCESS_KEY_ID = env.str("S3_ACCESS_KEY_ID", default="")
S3_SECRET_ACCESS_KEY = env.str("S3_SECRET_ACCESS_KEY", default="")

STORAGES: dict[str, Any] = {
    "default": s3(
        S3_BUCKET,
        endpoint_url=S3_ENDPOINT_URL,
        region=S3_REGION,
        access_key_id=S3_ACCESS_KEY_ID,
        secret_key=S3_SECRET_ACCESS_KEY,
    )
    if S3_BUCKET
    else {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
