"""Other images of Langfuse than those a stack runs."""

from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.stack import TestStack


@contextmanager
def other_images(stack: TestStack, **settings: str) -> Iterator[None]:
    """Have settings that ask for images with other content, under tags of their own; put back in the end."""
    images = stack.ops("images", "--json").json
    tags = {service: f"{stack.instance}-{service}:patched" for service in ("langfuse-web", "langfuse-worker")}
    for service, tag in tags.items():
        container = stack.docker("create", images[service]["image"])
        stack.docker("commit", "--change", "LABEL patched=1", container, tag)
        stack.docker("rm", container)
    before = dict(stack.config)
    stack.configure(langfuse__webImage=tags["langfuse-web"], langfuse__workerImage=tags["langfuse-worker"], **settings)
    try:
        yield
    finally:
        stack.config.clear()
        stack.configure(**before)
        assert stack.ops("images").code == 0
        stack.docker("rmi", "--force", *tags.values())
