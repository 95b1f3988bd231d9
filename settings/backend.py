"""Where a stack's state may live: what several machines act on has a state that they share."""

from urllib.parse import urlsplit

from settings.model import Settings

OF_ONE_MACHINE = "file"
"""Scheme of a backend that is a folder."""


def refused_backend(settings: Settings, url: str | None) -> str:
    """Why the state may not live there, and how to choose another place; empty where it may.

    Args:
        settings: of the stack.
        url: of the backend; None where nothing says it.
    """
    scheme = urlsplit(url or "").scheme
    if not settings.is_shared or settings.stack.single_machine or scheme != OF_ONE_MACHINE:
        return ""
    where = f"a folder of one machine ({url})"
    return f"""\
the state of this stack is {where}, and others can act on what runs at
    {settings.stack.platform}: another machine would see no state, and make new keys for data that is there
    - keep it in a bucket: `export PULUMI_BACKEND_URL='s3://BUCKET?region=REGION'` (or gs://BUCKET,
      azblob://CONTAINER), with its passphrase in the file that PULUMI_CONFIG_PASSPHRASE_FILE names
    - or in Pulumi Cloud: `export PULUMI_BACKEND_URL=https://api.pulumi.com`
    - `python -m ops migrate-state` then moves there what this machine has
    - or say that no other machine works on it: `pulumi config set langfuse-stack:singleMachine true`"""
