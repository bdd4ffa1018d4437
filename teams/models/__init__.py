"""Users, organizations, memberships, invites, API keys, notifications."""

from teams.models.api_key import ApiKey
from teams.models.connection import AccountKind, AccountState, ConnectedAccount, OAuthState, Purpose
from teams.models.invite import Invite, InviteState
from teams.models.limit import OrganizationLimit
from teams.models.notification import (
    Inbox,
    Medium,
    Notification,
    NotificationPreference,
    NotificationType,
    Severity,
)
from teams.models.organization import HostedOrganization, Membership, Organization, SecondStep
from teams.models.telegram import (
    TelegramBoard,
    TelegramBoardState,
    TelegramChat,
    TelegramMessage,
    TelegramMessageState,
    TelegramPause,
)
from teams.models.user import User

__all__ = [
    "AccountKind",
    "AccountState",
    "ApiKey",
    "ConnectedAccount",
    "HostedOrganization",
    "Inbox",
    "Invite",
    "InviteState",
    "Medium",
    "Membership",
    "Notification",
    "NotificationPreference",
    "NotificationType",
    "OAuthState",
    "Organization",
    "OrganizationLimit",
    "Purpose",
    "SecondStep",
    "Severity",
    "TelegramBoard",
    "TelegramBoardState",
    "TelegramChat",
    "TelegramMessage",
    "TelegramMessageState",
    "TelegramPause",
    "User",
]
