"""Labels by which a stack's containers, networks and volumes are told apart from everybody else's."""

INSTANCE_LABEL = "langfuse-stack.instance"
"""Value of the setting `langfuse-stack:instance`."""
SERVICE_LABEL = "langfuse-stack.service"
"""Name of the service a container runs."""
OWNER_LABEL = "langfuse-stack.owner"
"""Random identity of the stack that made it, kept in the stack's state."""
