"""Resources that break a rule only once a generated password is known, and ones that a rule must see through."""

import json
import os

import pulumi
import pulumi_command as command
import pulumi_random as random
from pulumi import dynamic

from components.base import Component, register_delete_hook

CASE = os.environ["CASE"]


class Eraser(dynamic.ResourceProvider):
    """Its code travels in the state."""


class Erasing(dynamic.Resource):
    """Has no type of its own."""


class Service(pulumi.ComponentResource):
    """A service, or its secrets, on Fly."""

    def __init__(self, token: str, request: pulumi.Input[str]) -> None:
        super().__init__(f"langfuse-stack:fly:{token}", "web")
        opts = pulumi.ResourceOptions(parent=self)
        command.local.Command("web", create="cat > made", dir=os.environ["MADE"], stdin=request, opts=opts)


class StackSecrets(Component):
    """One generated password."""

    def __init__(self) -> None:
        super().__init__("secrets")
        self.password = random.RandomBytes("salt", length=32, opts=self.data()).hex
        self.register_outputs({})


register_delete_hook()
generated = StackSecrets().password
match CASE:
    case "generated URL":
        url = pulumi.Output.concat("postgresql://langfuse:", generated, "@host/db?schema=public")
        Service("Secrets", pulumi.Output.json_dumps({"values": {"DATABASE_URL": url}}))
    case "secret URL":
        known = pulumi.Output.secret("postgresql://langfuse:sesame-4711@host/db?schema=public")
        Service("Secrets", pulumi.Output.json_dumps({"values": {"DATABASE_URL": known}}))
    case "generated image":
        Service("Service", pulumi.Output.json_dumps({"image": "langfuse:latest", "known later": generated}))
    case "secret in fly.toml":
        env = {"A_PASSWORD": pulumi.Output.secret("sesame-4711")}
        Service("Service", pulumi.Output.json_dumps({"image": "sha256:" + "0" * 64, "toml": {"env": env}}))
    case "public data":
        toml = {"http_service": {"internal_port": 9000}}
        Service("Service", json.dumps({"image": "sha256:" + "0" * 64, "data": True, "toml": toml}))
    case "by value":
        Erasing(Eraser(), "erasing", {})
    case "delete before replace":
        part = Component("part")
        options = part.data()
        options.delete_before_replace = True
        random.RandomBytes("salt-2", length=32, opts=options)
    case "loses protection":
        part = Component("part")
        options = part.data()
        options.protect = False
        random.RandomBytes("salt-2", length=32, opts=options)
    case "unreadable request":
        Service("Service", "not a request")
    case "bare command":
        command.local.Command("bare", create="true")
    case _:
        service = {"image": "sha256:" + "0" * 64, "data": True, "toml": {"env": {"TZ": "UTC"}}, "later": generated}
        Service("Service", pulumi.Output.json_dumps(service))
