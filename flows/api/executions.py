"""/flows/execute, /flows/executions and /flows/statistics."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from chatboost.core.api.pagination import Cursor
from chatboost.core.api.viewsets import OrganizationViewSet, ReadViewSet
from chatboost.core.errors import ValidationFailed
from chatboost.messaging.services import contacts
from flows.api import filters
from flows.api.serializers import (
    ExecuteSerializer,
    ExecutionLogSerializer,
    ExecutionSerializer,
    FlowStatisticsSerializer,
    InputSerializer,
)
from flows.models import Execution, ExecutionLog, ExecutionOrigin
from flows.selectors import executions as selectors
from flows.services import executions

_PHONE = OpenApiParameter(
    "phone", {"type": "string", "format": "phone", "maxLength": 64}, OpenApiParameter.PATH
)


class ExecutionViewSet(ReadViewSet[Execution]):
    """Executions, newest first."""

    queryset = Execution.objects.select_related("flow_version")
    serializer_class = ExecutionSerializer
    pagination_class = Cursor
    permission_map = {
        "list": "flows.view_execution",
        "retrieve": "flows.view_execution",
        "of_contact": "flows.view_execution",
        "logs": "flows.view_executionlog",
        "resume": "flows.change_execution",
        "cancel": "flows.change_execution",
        "input": "flows.change_execution",
    }
    filterset_class = filters.ExecutionFilter

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """End the execution's wait by hand."""
        return self._answer(executions.resume(execution=self._loaded()))

    @extend_schema(request=None, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """End the execution."""
        return self._answer(executions.cancel(execution=self._loaded()))

    @extend_schema(request=InputSerializer, responses=ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def input(self, request: Request, pk: str) -> Response:
        """Answer in the contact's place."""
        execution = self._loaded()
        given = InputSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        if given.validated_data.get("execution_id", execution.pk) != execution.pk:
            message = "Must be the id in the path, or left out."
            raise ValidationFailed(message, code="execution_id_mismatch", errors={"execution_id": [message]})
        moved = executions.give_input(
            execution=execution,
            text=given.validated_data["message"],
            message_type=given.validated_data["message_type"],
        )
        return self._answer(moved)

    @extend_schema(responses=ExecutionLogSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def logs(self, request: Request, pk: str) -> Response:
        """List what happened, newest first."""
        page = self.paginate_queryset(ExecutionLog.objects.filter(execution=self.get_object()))
        return self.get_paginated_response(ExecutionLogSerializer(page, many=True).data)

    @extend_schema(
        responses=ExecutionSerializer(many=True),
        parameters=[_PHONE],
    )
    @action(detail=False, methods=["get"], url_path=r"contact/(?P<phone>[^/]+)")
    def of_contact(self, request: Request, phone: str) -> Response:
        """List a contact's executions, newest first."""
        rows = self.get_queryset().filter(contact__phone=contacts.read_phone(phone))
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    def _loaded(self) -> Execution:
        return self.get_object()

    def _answer(self, moved: Execution) -> Response:
        return Response(self.get_serializer(self.get_queryset().get(pk=moved.pk)).data)


class FlowsViewSet(OrganizationViewSet[Execution]):
    """Starting flows, and counting them."""

    queryset = Execution.objects.all()
    pagination_class = None
    permission_map = {"execute": "flows.execute", "statistics": "flows.view_execution"}

    @extend_schema(request=ExecuteSerializer, responses={201: ExecutionSerializer})
    def execute(self, request: Request) -> Response:
        """Start a flow for a phone number; a new contact is made, a running flow is interrupted."""
        wanted = ExecuteSerializer(data=request.data, context=self.get_serializer_context())
        wanted.is_valid(raise_exception=True)
        execution = self._start(wanted.validated_data)
        answer = self.get_queryset().get(pk=execution.pk)
        return Response(ExecutionSerializer(answer).data, status=201)

    @transaction.atomic
    def _start(self, fields: dict[str, Any]) -> Execution:
        contact, _ = contacts.find_or_create(
            organization=self.organization, phone=fields["contact_phone"], source="api"
        )
        return executions.start(
            flow=fields["flow_id"],
            bot=fields["bot_id"],
            contact=contact,
            variables=fields["initial_state"],
            origin_kind=ExecutionOrigin.API,
        )

    @extend_schema(responses=FlowStatisticsSerializer)
    def statistics(self, request: Request) -> Response:
        """Count the organization's executions by state."""
        return Response(FlowStatisticsSerializer(selectors.statistics(self.get_queryset())).data)
