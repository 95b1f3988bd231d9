"""One data secret, declared the way the product declares all data; what happens to it is a setting."""

import pulumi
import pulumi_random as random

from components.base import Component, register_delete_hook

edit = pulumi.Config().get("edit") or "none"


class StackPart(Component):
    """Owns one secret."""

    def __init__(self) -> None:
        super().__init__("part")
        options = self.data()
        if edit == "unprotect-and-rename":
            options.protect = False
        if edit == "replace":
            random.RandomBytes("salt", length=48, opts=options)
        elif edit != "remove":
            name = "salt-2" if edit.endswith("rename") else "salt"
            random.RandomBytes(name, length=32, opts=options)
        self.register_outputs({})


register_delete_hook()
if edit != "remove-component":
    StackPart()
