"""Routes of this room's API."""

from django.urls import URLPattern, URLResolver, re_path

from chatboost.core.api.routers import Router
from flows.api.executions import ExecutionViewSet, FlowsViewSet
from flows.api.flows import FlowViewSet, NodeViewSet

router = Router()
router.register("bots/flows", FlowViewSet, basename="flow")
router.register("bots/nodes", NodeViewSet, basename="node")
router.register("flows/executions", ExecutionViewSet, basename="execution")

urlpatterns: list[URLPattern | URLResolver] = [
    re_path(r"^flows/execute/?$", FlowsViewSet.as_view({"post": "execute"}), name="flow-execute"),
    re_path(r"^flows/statistics/?$", FlowsViewSet.as_view({"get": "statistics"}), name="flow-statistics"),
    *router.urls,
]
