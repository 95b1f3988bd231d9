"""A gate in front of a later phase; whether it opens is a setting."""

import pulumi
import pulumi_random as random
from gates import Gate  # type: ignore[import-not-found]

config = pulumi.Config()
gate = Gate(
    "gate",
    {"opens": config.require_bool("opens"), "watch": config.get("watch") or "", "noise": config.get("noise") or ""},
    pulumi.ResourceOptions(),
    deadline_seconds=0.5,
)
random.RandomId("later", byte_length=4, opts=pulumi.ResourceOptions(depends_on=[gate]))
pulumi.export("checked_at", gate.evidence)
