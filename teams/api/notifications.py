"""`/notifications`: what the caller was told in the request's organization, and how they want to be told."""

from datetime import timedelta
from typing import Any, ClassVar

import django_filters as filters
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import TruncDate
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core import clock, limits
from chatboost.core.api.filters import BooleanFilter, FilterSet, MomentFilter
from chatboost.core.api.pagination import Cursor
from chatboost.core.api.viewsets import OrganizationViewSet
from chatboost.core.db.retry import retry_tx
from teams.api import notification_serializers as serializers
from teams.api.permissions import PersonInOrganization, person
from teams.errors import TooManyAttempts
from teams.models import Medium, Notification, NotificationType, Severity
from teams.notifications import preferences as choices
from teams.notifications import reading
from teams.notifications.writing import News, tell
from teams.selectors import inbox
from teams.services import telegram

LATEST = 5
STATISTICS_DAYS = 30
# A test leaves the house: by mail, and into a chat that others read.
TESTS, TESTS_WINDOW = 10, timedelta(hours=1)

READ, CHANGE = "teams.view_notification", "teams.change_notification"

TYPE = OpenApiParameter(
    "type", {"type": "string", "enum": NotificationType.values}, OpenApiParameter.PATH, required=True
)


class InboxCursor(Cursor):
    """The latest first, by the number that each has in its person's inbox."""

    ordering = "-seq"


class NotificationFilter(FilterSet):
    """Filters of /notifications/."""

    type = filters.ChoiceFilter(choices=NotificationType.choices)
    severity = filters.ChoiceFilter(choices=Severity.choices)
    is_read = BooleanFilter("read_at", "isnull", exclude=True)
    created_after = MomentFilter("created_at", "gte")
    created_before = MomentFilter("created_at", "lt")


class NotificationViewSet(mixins.ListModelMixin, OrganizationViewSet[Notification]):
    """The caller's own notifications in the organization, the latest first."""

    queryset = Notification.objects.all()
    serializer_class = serializers.NotificationSerializer
    pagination_class = InboxCursor
    filterset_class = NotificationFilter
    permission_classes = (PersonInOrganization,)
    permission_map: ClassVar[dict[str, str]] = {
        **dict.fromkeys(("list", "unread", "count", "summary", "stats", "by_type"), READ),
        **dict.fromkeys(("read", "read_all", "destroy", "clear", "bulk_action"), CHANGE),
        "preferences": READ,
        "change_preferences": CHANGE,
        "test": CHANGE,
    }

    def get_queryset(self) -> QuerySet[Notification]:
        """Return what the caller sees in the console."""
        rows = super().get_queryset()
        if getattr(self, "swagger_fake_view", False):
            return rows
        found: QuerySet[Notification] = inbox.of_user(person(self.request).pk, self.organization)
        return found

    @extend_schema(summary="Unread notifications, the latest first")
    @action(detail=False, filterset_class=None, filter_backends=[])
    def unread(self, request: Request) -> Response:
        """List what is unread."""
        return self._page(self.get_queryset().filter(read_at=None))

    @extend_schema(summary="Notifications of one type, the latest first", parameters=[TYPE])
    @action(
        detail=False,
        filterset_class=None,
        filter_backends=[],
        url_path=f"by-type/(?P<type>{'|'.join(NotificationType.values)})",
    )
    def by_type(self, request: Request, type: str) -> Response:
        """List what is of a type."""
        return self._page(self.get_queryset().filter(type=type))

    @extend_schema(summary="How many there are", responses=serializers.CountsSerializer)
    @action(detail=False, pagination_class=None, filterset_class=None, filter_backends=[])
    def count(self, request: Request) -> Response:
        """Count."""
        return Response(_counted(self.get_queryset()))

    @extend_schema(summary="Counts by type, and the latest", responses=serializers.SummarySerializer)
    @action(detail=False, pagination_class=None, filterset_class=None, filter_backends=[])
    def summary(self, request: Request) -> Response:
        """Count by type, and show the latest."""
        rows = self.get_queryset()
        by_type: list[Any] = list(rows.values("type").annotate(**_COUNTS).order_by("type"))
        latest = inbox.latest(person(request).pk, self.organization, limit=LATEST)
        totals = {name: sum(each[name] for each in by_type) for name in _COUNTS}
        shown = {**totals, "by_type": by_type, "latest": latest}
        return Response(serializers.SummarySerializer(shown).data)

    @extend_schema(summary="Counts of the last 30 days", responses=serializers.NotificationStatsSerializer)
    @action(detail=False, pagination_class=None, filterset_class=None, filter_backends=[])
    def stats(self, request: Request) -> Response:
        """Count by day and type."""
        until = clock.now()
        since = (until - timedelta(days=STATISTICS_DAYS - 1)).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        rows = self.get_queryset().filter(created_at__gte=since).annotate(date=TruncDate("created_at"))
        days = rows.values("date", "type").annotate(total_count=Count("id")).order_by("date", "type")
        shown = {"since": since.date(), "until": until.date(), "days": list(days)}
        return Response(serializers.NotificationStatsSerializer(shown).data)

    @extend_schema(summary="Mark one read", request=None, responses=serializers.NotificationSerializer)
    @action(detail=True, methods=["put"])
    def read(self, request: Request, pk: str) -> Response:
        """Mark it read; doing it twice changes nothing."""
        row = self.get_object()
        reading.mark_read(self.organization, person(request), [row.pk])
        row.refresh_from_db(from_queryset=self.get_queryset())
        return Response(self.get_serializer(row).data)

    @extend_schema(summary="Mark all read", request=None, responses=serializers.ChangedCountSerializer)
    @action(detail=False, methods=["put"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark everything read."""
        return Response({"count": reading.mark_read(self.organization, person(request))})

    @extend_schema(summary="Remove one", responses={204: None})
    def destroy(self, request: Request, pk: str) -> Response:
        """Remove it."""
        reading.remove(self.organization, person(request), [self.get_object().pk])
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(summary="Remove all", request=None, responses={200: serializers.ChangedCountSerializer})
    @action(detail=False, methods=["delete"])
    def clear(self, request: Request) -> Response:
        """Remove everything."""
        return Response({"count": reading.remove(self.organization, person(request))})

    @extend_schema(
        summary="Read, unread or remove several",
        request=serializers.NotificationActionSerializer,
        responses={200: serializers.ChangedCountSerializer},
    )
    @action(
        detail=False,
        methods=["post"],
        url_path="bulk-action",
        serializer_class=serializers.NotificationActionSerializer,
    )
    def bulk_action(self, request: Request) -> Response:
        """Do it to those that are the caller's; returns how many it changed."""
        wanted = self._read_body()
        act = {"read": reading.mark_read, "unread": reading.mark_unread, "delete": reading.remove}
        change = act[wanted["action"]]
        return Response({"count": change(self.organization, person(request), wanted["ids"])})

    @extend_schema(
        summary="How the caller wants to be told",
        operation_id="notifications_preferences",
        responses=serializers.PreferencesSerializer,
    )
    @action(
        detail=False,
        pagination_class=None,
        filterset_class=None,
        filter_backends=[],
        serializer_class=serializers.PreferencesSerializer,
    )
    def preferences(self, request: Request) -> Response:
        """Return each type with its media, on or off."""
        return Response(choices.matrix(self.organization, person(request)))

    @extend_schema(
        summary="Switch how the caller wants to be told",
        operation_id="notifications_preferences_update",
        request=serializers.PreferencesSerializer,
        responses=serializers.PreferencesSerializer,
    )
    @preferences.mapping.put
    def change_preferences(self, request: Request) -> Response:
        """Switch what is named; what is left out stays."""
        wanted = self._read_body()
        return Response(
            retry_tx(
                lambda: choices.change(
                    organization=self.organization, user=person(request), wanted=wanted, actor=request.user
                )
            )
        )

    @extend_schema(
        summary="Send the caller a test",
        request=serializers.TestNotificationSerializer,
        responses={201: serializers.NotificationSerializer},
    )
    @action(detail=False, methods=["post"], serializer_class=serializers.TestNotificationSerializer)
    def test(self, request: Request) -> Response:
        """Tell the caller something, by the media asked for and whatever they prefer."""
        wanted = self._read_body()
        row = retry_tx(lambda: self._tell_test(wanted))
        return Response(serializers.NotificationSerializer(row).data, status=status.HTTP_201_CREATED)

    @transaction.atomic
    def _tell_test(self, wanted: dict[str, Any]) -> Notification:
        user = person(self.request)
        media = {Medium(each) for each in wanted["media"]}
        if Medium.TELEGRAM in media:
            telegram.require_chat(self.organization)
        verdict = limits.hit(
            f"test-notification:{self.organization.pk}:{user.pk}", limit=TESTS, window=TESTS_WINDOW
        )
        if not verdict.is_allowed:
            wait = int(verdict.retry_after.total_seconds()) + 1
            raise TooManyAttempts(f"At most {TESTS} tests an hour.", wait=wait)
        news = News(
            organization=self.organization,
            type=NotificationType(wanted["type"]),
            title="This is a test",
            body=f"{user} has asked for it. Notifications like this one arrive.",
        )
        return tell(news, users=[user], only_by=media)[0]

    def _page(self, rows: QuerySet[Notification]) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _read_body(self) -> dict[str, Any]:
        body = self.get_serializer(data=self.request.data)
        body.is_valid(raise_exception=True)
        return dict(body.validated_data)


_COUNTS = {"total_count": Count("id"), "unread_count": Count("id", filter=Q(read_at=None))}


def _counted(rows: QuerySet[Notification]) -> dict[str, int]:
    return rows.aggregate(**_COUNTS)
