"""The one place that chooses a platform."""

import hashlib

from components.base import data_options
from components.secrets import StackSecrets
from platforms.spec import OPERATORS_MACHINE, Platform
from settings import Files, Settings


def choose(settings: Settings, files: Files, secrets: StackSecrets) -> Platform:
    """Where the stack runs."""
    stack, fly = settings.stack, settings.fly
    if stack.platform == "docker":
        from platforms.docker import DockerPlatform

        return DockerPlatform(
            stack.instance,
            secrets.stack_id,
            settings.memory_mb,
            running=stack.running,
            reaches_machine=_names_operators_machine(settings, files),
            disposable=stack.disposable,
        )
    from platforms.fly.platform import FlyArgs, FlyPlatform
    from platforms.fly.toml import Guest

    return FlyPlatform(
        FlyArgs(
            organization=fly.organization,
            region=fly.region,
            apps=settings.fly_app,
            machines=lambda service: Guest.model_validate(settings.fly_machine(service)),
            public=fly.public,
            snapshot_retention=fly.snapshot_retention,
            owner=secrets.owner,
            secrets_key=secrets.first["nextauth-secret"].apply(_key_of_hashes),
            running=stack.running,
        ),
        data_options,
    )


def _names_operators_machine(settings: Settings, files: Files) -> bool:
    """Whether settings or files name the machine that runs the containers."""
    return OPERATORS_MACHINE in str([settings.model_dump(), files.vault.model_dump(), files.gateway_config])


def _key_of_hashes(secret: str) -> str:
    return hashlib.sha256(f"hashes of staged secrets: {secret}".encode()).hexdigest()
