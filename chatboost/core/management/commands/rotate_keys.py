"""`manage.py rotate_keys`: every stored secret under the first key."""

from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand
from django.db import connection, models, transaction

from chatboost.core import fields

BATCH = 500


class Command(BaseCommand):
    """Encrypt stored secrets anew with the first of FIELD_ENCRYPTION_KEYS; then older keys may go."""

    help = "Encrypt every stored secret with the first key of FIELD_ENCRYPTION_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        """Go through every encrypted column, in short transactions; safe to run again."""
        for model in apps.get_models():
            for field in model._meta.concrete_fields:
                if isinstance(field, fields.EncryptedTextField) and field.column:
                    count = _rotate(model, field.column)
                    self.stdout.write(f"{model._meta.label}.{field.name}: {count}")


def _rotate(model: type[models.Model], column: str) -> int:
    table, total, last = model._meta.db_table, 0, 0
    while rows := _page(table, column, last):
        with transaction.atomic(), connection.cursor() as cursor:
            for row_id, ciphertext in rows:
                # Only if nobody has written a newer secret in between.
                cursor.execute(
                    f"UPDATE {table} SET {column} = %s WHERE id = %s AND {column} = %s",  # noqa: S608 our own names
                    [fields.rotated(ciphertext), row_id, ciphertext],
                )
        total, last = total + len(rows), rows[-1][0]
    return total


def _page(table: str, column: str, after: int) -> list[tuple[int, str]]:
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT id, {column} FROM {table} WHERE id > %s AND {column} <> '' ORDER BY id LIMIT {BATCH}",  # noqa: S608
            [after],
        )
        return cursor.fetchall()
