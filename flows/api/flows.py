"""/bots/flows/ and /bots/nodes/."""

from typing import Any

from django.db import transaction
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import BaseSerializer

from chatboost.core.api.viewsets import ModelViewSet, permissions_for
from chatboost.core.errors import NotFound
from flows.api import filters
from flows.api.serializers import (
    FlowCreateSerializer,
    FlowDetailSerializer,
    FlowSerializer,
    FlowVersionSerializer,
    NodeSerializer,
    RollbackSerializer,
    ValidationSerializer,
)
from flows.engine.problems import Severity
from flows.models import Flow, Node
from flows.services import flows

_SHAPES = {"create": FlowCreateSerializer, "retrieve": FlowDetailSerializer}


class FlowViewSet(ModelViewSet[Flow]):
    """Flows of the organization. A draft runs once it is published."""

    queryset = Flow.objects.select_related("published_version").order_by("name", "id")
    permission_map = permissions_for("flows.flow") | {
        "validate": "flows.view_flow",
        "versions": "flows.view_flowversion",
        "publish": "flows.publish",
        "rollback": "flows.publish",
    }
    filterset_class = filters.FlowFilter
    search_fields = ["name", "description"]
    ordering_fields = ["id", "name", "created_at", "updated_at"]

    def get_serializer_class(self) -> type[BaseSerializer[Flow]]:
        """Return the shape of the action."""
        return _SHAPES.get(self.action, FlowSerializer)

    def get_queryset(self) -> Any:
        """Load the nodes where they are shown."""
        queryset = super().get_queryset()
        return queryset.prefetch_related("nodes") if self.action == "retrieve" else queryset

    @transaction.atomic
    def perform_create(self, serializer: BaseSerializer[Flow]) -> None:
        """Create the flow, with its nodes."""
        fields = dict(serializer.validated_data)
        nodes = fields.pop("nodes", [])
        is_active = fields.pop("is_active", True)
        flow = flows.create(organization=self.organization, actor=self.request.user, **fields)
        if not is_active:
            flow.is_active = False
            flow.save(update_fields=["is_active"])
        for node in nodes:
            flows.add_node(flow=flow, **node)
        serializer.instance = self.get_queryset().get(pk=flow.pk)

    def perform_destroy(self, instance: Flow) -> None:
        """Remove the flow."""
        flows.delete(instance, actor=self.request.user)

    @extend_schema(request=None, responses=ValidationSerializer)
    @action(detail=True, methods=["post"])
    def validate(self, request: Request, pk: str) -> Response:
        """Say what is wrong or doubtful in the draft."""
        found = flows.problems(self.get_object())
        can_publish = all(problem.severity is not Severity.ERROR for problem in found)
        return Response(ValidationSerializer({"can_publish": can_publish, "problems": found}).data)

    @extend_schema(request=None, responses=FlowVersionSerializer)
    @action(detail=True, methods=["post"])
    def publish(self, request: Request, pk: str) -> Response:
        """Freeze the draft as the version that new executions run."""
        version = flows.publish(flow=self.get_object(), actor=request.user)
        return Response(FlowVersionSerializer(version).data)

    @extend_schema(request=RollbackSerializer, responses=FlowVersionSerializer)
    @action(detail=True, methods=["post"])
    def rollback(self, request: Request, pk: str) -> Response:
        """Publish an older version again and make it the draft."""
        flow = self.get_object()
        wanted = RollbackSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        version = flow.versions.filter(number=wanted.validated_data["version"]).first()
        if version is None:
            raise NotFound("The flow has no such version.")
        return Response(
            FlowVersionSerializer(flows.rollback(flow=flow, version=version, actor=request.user)).data
        )

    @extend_schema(responses=FlowVersionSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def versions(self, request: Request, pk: str) -> Response:
        """List the flow's versions, newest first."""
        page = self.paginate_queryset(self.get_object().versions.order_by("-number"))
        return self.get_paginated_response(FlowVersionSerializer(page, many=True).data)


class NodeViewSet(ModelViewSet[Node]):
    """Nodes of drafts. Changing one changes nothing that runs until the flow is published."""

    queryset = Node.objects.select_related("flow").order_by("flow_id", "number")
    serializer_class = NodeSerializer
    permission_map = permissions_for("flows.node")
    filterset_class = filters.NodeFilter
    ordering_fields = ["id", "number"]

    def perform_create(self, serializer: BaseSerializer[Node]) -> None:
        """Add the node to the draft."""
        serializer.instance = flows.add_node(**serializer.validated_data)

    @transaction.atomic
    def perform_update(self, serializer: BaseSerializer[Node]) -> None:
        """Change the node."""
        node = self.get_object()
        for field, value in serializer.validated_data.items():
            setattr(node, field, value)
        serializer.instance = flows.save_node(node)

    def perform_destroy(self, instance: Node) -> None:
        """Remove the node."""
        flows.delete_node(instance)
