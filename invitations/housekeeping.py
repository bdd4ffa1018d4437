"""What this room's clock owes."""

from datetime import timedelta

from chatboost.core import ticks
from invitations.work import polling

ticks.declare("look for new contacts", run=polling.owe_due, every=timedelta(minutes=1))
