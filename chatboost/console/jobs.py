"""Job kinds of the console: actions on more rows than a person waits for."""

from chatboost.core import jobs
from chatboost.core.admin.bulk import BulkJob

jobs.register(BulkJob())
