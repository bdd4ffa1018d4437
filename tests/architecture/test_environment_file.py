"""`.env.example` copied and filled in, as the settings read it: in processes of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = (ROOT / ".env.example").read_text()

TELL = """
import json, re
from django.conf import settings
plain = lambda value: re.sub(" at 0x[0-9a-f]+", "", repr(value))
print(json.dumps({name: getattr(settings, name) for name in dir(settings) if name.isupper()}, default=plain))
"""
REQUIRED = {
    "SECRET_KEY": "s" * 60,
    "JWT_SIGNING_KEY": "j" * 60,
    "FIELD_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
    "PUBLIC_BASE_URL": "https://chat.example.com",
    "REDIS_URL": "redis://127.0.0.1:6379/0",
}


def settings_with(file: Path | None, data: Path, *, module: str) -> dict[str, Any]:
    """Return every setting of a process that reads this file, and no variable of ours."""
    done = subprocess.run(
        [sys.executable, "-c", TELL],
        cwd=ROOT,
        env={
            "PATH": os.environ["PATH"],
            "DJANGO_SETTINGS_MODULE": f"chatboost.settings.{module}",
            "CHATBOOST_ENV_FILE": str(file or ""),
            "CHATBOOST_DATA_DIR": str(data),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def filled_in(folder: Path, values: dict[str, str]) -> Path:
    """Write the example with values in the place of its own."""
    lines = EXAMPLE.splitlines()
    for name, value in values.items():
        (place,) = [at for at, line in enumerate(lines) if line.startswith(f"{name}=")]
        lines[place] = f"{name}={value}"
    path = folder / ".env"
    path.write_text("\n".join(lines))
    return path


def plainly(folder: Path, values: dict[str, str]) -> Path:
    """Write only the values."""
    path = folder / "plain.env"
    path.write_text("\n".join(f"{name}={value}" for name, value in values.items()))
    return path


@pytest.mark.parametrize(("module", "values"), [("dev", {}), ("prod", REQUIRED)], ids=["dev", "prod"])
def test_example_as_it_is_changes_no_setting(tmp_path: Path, module: str, values: dict[str, str]) -> None:
    copied = settings_with(filled_in(tmp_path, values), tmp_path / "data", module=module)
    defaults = settings_with(plainly(tmp_path, values), tmp_path / "data", module=module)

    differences = {name for name in copied.keys() | defaults.keys() if copied[name] != defaults[name]}
    assert differences == set()


def test_port_of_mail_decides_how_it_is_encrypted(tmp_path: Path) -> None:
    filled = filled_in(tmp_path, {"EMAIL_HOST": "mail.example.com", "EMAIL_PORT": "465"})
    told = settings_with(filled, tmp_path / "data", module="dev")

    assert (told["EMAIL_PORT"], told["EMAIL_USE_SSL"], told["EMAIL_USE_TLS"]) == (465, True, False)


def test_bucket_that_is_named_holds_the_files(tmp_path: Path) -> None:
    values = {
        "S3_BUCKET": "our-files",
        "S3_ENDPOINT_URL": "https://s3.example.com",
        "S3_REGION": "eu-1",
        "S3_ACCESS_KEY_ID": "OURS",
        "S3_SECRET_ACCESS_KEY": "secret",
    }
    default = settings_with(plainly(tmp_path, values), tmp_path / "data", module="dev")["STORAGES"]["default"]

    assert default["BACKEND"] == "storages.backends.s3.S3Storage"
    names = ("bucket_name", "endpoint_url", "region_name", "access_key", "secret_key")
    assert [default["OPTIONS"][name] for name in names] == list(values.values())


def test_empty_quotes_set_a_variable_to_nothing(tmp_path: Path) -> None:
    filled = filled_in(tmp_path, {"API_RATE_LIMIT": '""', "WORK_CELERY_QUEUES": '""'})
    told = settings_with(filled, tmp_path / "data", module="dev")

    assert (told["API_RATE_LIMIT"], told["WORK_CELERY_QUEUES"]) == ("", [])
