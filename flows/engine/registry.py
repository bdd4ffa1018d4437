"""The installation's node kinds."""

from flows.engine.kinds import NodeKind, Registry
from flows.engine.nodes.condition import ConditionNode
from flows.engine.nodes.send_message import SendMessageNode
from flows.engine.nodes.set_attribute import SetAttributeNode
from flows.engine.nodes.wait import WaitNode
from flows.engine.nodes.webhook_action import WebhookActionNode

default = Registry((SendMessageNode(), WaitNode(), ConditionNode(), WebhookActionNode(), SetAttributeNode()))


def register(kind: NodeKind) -> None:
    """Add a kind to the installation's, from `AppConfig.ready()`. Raises: DuplicateKindError."""
    default.register(kind)
