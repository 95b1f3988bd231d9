"""Resources that break a rule only once a generated password is known, and ones that a rule must see through."""

import json
import os

import pulumi
import pulumi_command as command
import pulumi_random as random
from pulumi import dynamic
from web import LangfuseWeb  # type: ignore[import-not-found]  # beside this file

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
        line = f"python3 -m platforms.fly {'deploy' if token == 'Service' else token.lower()}"
        command.local.Command("web", create=line, stdin=request, opts=opts)


class StackSecrets(Component):
    """One generated password."""

    def __init__(self) -> None:
        super().__init__("secrets")
        options = self.data()
        options.delete_before_replace = CASE == "delete before replace" or None
        options.protect = CASE != "loses protection"
        self.password = random.RandomBytes("salt", length=32, opts=options).hex
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
    case "delete before replace" | "loses protection":
        pass
    case "open port":
        from pulumi_docker import Container, ContainerPortArgs

        ports = [ContainerPortArgs(internal=5432, external=5432, ip="0.0.0.0")]  # noqa: S104 - the point of the case
        Container("open", image="sha256:" + "0" * 64, ports=ports)
    case "image by tag":
        Service("Service", json.dumps({"image": "langfuse:latest"}))
    case "older release":
        LangfuseWeb("web", "3.1.0")
    case "unreadable request":
        Service("Service", "not a request")
    case "bare command":
        command.local.Command("bare", create="true")
    case _:
        service = {"image": "sha256:" + "0" * 64, "data": True, "toml": {"env": {"TZ": "UTC"}}, "later": generated}
        Service("Service", pulumi.Output.json_dumps(service))
