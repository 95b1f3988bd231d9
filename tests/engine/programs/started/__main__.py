"""A service before whose every start a gate looks into a file, which no input of the gate tells of."""

import pulumi
import pulumi_random as random
from stores import StoreGate  # type: ignore[import-not-found]

from components.base import proven_before_start

config = pulumi.Config()
inputs = {"store": config.require("store"), "key": pulumi.Output.secret("secret-canary")}
gate = StoreGate("gate", inputs, pulumi.ResourceOptions(), deadline_seconds=0.5)
random.RandomId(
    "service",
    byte_length=4,
    keepers={"release": config.get("release") or ""},
    opts=pulumi.ResourceOptions.merge(
        pulumi.ResourceOptions(depends_on=[gate]), proven_before_start("look-again", StoreGate, inputs)
    ),
)
