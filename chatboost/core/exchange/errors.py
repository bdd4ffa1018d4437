"""How a file, or what was asked to be done with it, is refused."""

from django.conf import settings

from chatboost.core.errors import ValidationFailed


class FileRefused(ValidationFailed):
    """The file as a whole can't be imported; `code` says why, and nothing was written.

    Codes: `empty_file, file_too_large, unsupported_format, not_a_spreadsheet, unsafe_archive, unsafe_xml,
    unknown_charset, wrong_charset, unknown_delimiter, line_too_long, unclosed_quote, malformed_json,
    malformed_spreadsheet, too_many_columns, too_many_rows, missing_heading, duplicate_heading,
    heading_too_long, missing_column, unknown_column, invalid_mapping`.
    """

    default_code = "file_refused"


class FileTooLarge(FileRefused):
    """The file is larger than an import may be."""

    status = 413
    default_code = "file_too_large"

    def __init__(self, limit: int | None = None) -> None:
        most = limit or settings.IMPORT_MAX_BYTES
        super().__init__(f"The file is larger than {most / 2**20:,.0f} MiB.")
