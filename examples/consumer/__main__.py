"""Takes what an application needs from the outputs of langfuse-stack, and keeps the secrets secret."""

import pulumi

langfuse = pulumi.StackReference(pulumi.Config().require("langfuse-stack"))

# Hand these to whatever runs the application: a container, a function, a Kubernetes secret.
pulumi.export("environment", langfuse.require_output("gateway_env"))
pulumi.export("langfuse_url", langfuse.require_output("langfuse_url"))
