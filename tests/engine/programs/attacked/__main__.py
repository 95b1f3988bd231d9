"""A bucket and a secret, declared as the product declares data, and a gate; settings say how somebody edits it."""

import base64

import pulumi
import pulumi_random as random
from kept import Bucket, Gate, Migration  # type: ignore[import-not-found]

from components.base import Component, register_delete_hook
from platforms.spec import ExecProbe, HealthSpec, Service, ServiceSpec

config = pulumi.Config()
edit = config.get("edit") or ""
without = (config.get("without") or "").split()
FOREIGN = base64.b64encode(bytes(32)).decode()
"""A secret that somebody else made."""


class Part(Component):
    """Owns the data."""

    def __init__(self, name: str, bucket_name: str = "bucket", **inputs: object) -> None:
        super().__init__(name)
        self.bucket = None
        if edit != "remove":
            bucket = Bucket(bucket_name, {"name": "events", "region": "here", **inputs}, self.guarded())
            length = 33 if edit == "new-salt" else 32
            salt = random.RandomBytes(f"{name}-salt", length=length, opts=self.salted())
            watched = {"migrate": "destructive", "pause": "paused"}.get(edit, "container")
            gate = Gate(f"{name}-gate", {"watch": watched}, self.child(after=[bucket, salt]), deadline_seconds=1)
            if edit == "migrate":
                Migration("migration", {"name": "events"}, self.child(after=[gate]))
        if edit == "twice":
            Bucket("twin", {"name": "events", "region": "here"}, self.guarded())
        if edit == "one-more":
            self.gate(Gate, "more-gate", self.service(), {})
        self.register_outputs({})

    def service(self) -> Service:
        """One more service, on Docker."""
        from platforms.docker.platform import DockerPlatform

        platform = DockerPlatform("lfs-test-attacked", "owner", lambda _: 512, running=True)
        health = HealthSpec(ExecProbe(("true",)))
        spec = ServiceSpec("more", "sha256:" + "0" * 64, ports=(), health=health, stop_grace=1)
        return platform.service("more", spec, self.child())

    def salted(self) -> pulumi.ResourceOptions:
        """Options of the secret, with what is edited about them."""
        options = self.guarded()
        if edit == "import":
            options.import_ = FOREIGN
        if edit == "provider":
            options.provider = random.Provider("another")
        return options

    def guarded(self) -> pulumi.ResourceOptions:
        """The product's options, less what a case leaves out."""
        options = self.data()
        if "protect" in without or edit == "unprotect":
            options.protect = False
        if "retain" in without:
            options.retain_on_delete = False
        if "hook" in without:
            options.hooks = None
        if edit == "hasty":
            options.delete_before_replace = True
        return options


register_delete_hook()
edits = {
    "rename": {"bucket_name": "store"},
    "move": {"region": "there"},
    "hasty": {"region": "there", "hasty": True},
}
if edit == "refactor":
    Part("renamed")
elif edit != "remove-component":
    Part("part", **edits.get(edit, {}))  # type: ignore[arg-type]
