"""Work of this room: pages of contacts, a place at Drive, five steps an invitation, looking for new ones."""

from chatboost.core.work import kinds
from invitations.work.cards import CardKind
from invitations.work.drive import FolderKind, IdsKind
from invitations.work.fetching import FetchKind
from invitations.work.links import LinkKind
from invitations.work.notices import NotifyKind
from invitations.work.photos import PhotoKind
from invitations.work.polling import PollKind
from invitations.work.removing import RemoveKind
from invitations.work.uploads import UploadKind

for kind in (
    FetchKind(),
    IdsKind(),
    FolderKind(),
    PhotoKind(),
    CardKind(),
    UploadKind(),
    LinkKind(),
    NotifyKind(),
    PollKind(),
    RemoveKind(),
):
    kinds.register(kind)
