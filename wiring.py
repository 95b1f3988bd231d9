"""What each component is told: settings, images and secrets turned into its arguments."""

from functools import cached_property

import settings as settings_module
from components.clickhouse import ClickHouseArgs
from components.gateway import GatewayArgs, GatewayModel
from components.langfuse import LangfuseArgs
from components.langfuse_env import Bootstrap, Crypto, Stores
from components.minio import MinioArgs
from components.postgres import PostgresArgs
from components.redis import RedisArgs
from components.releases import RELEASES, Image
from components.secrets import StackSecrets
from platforms.spec import Platform, UnsupportedError, VolumeSpec
from settings import Settings, SettingsError


class Wiring:
    """Arguments of every component.

    Args:
        settings: what the operator said.
        secrets: what was generated.
    """

    def __init__(self, settings: Settings, secrets: StackSecrets) -> None:
        self._settings = settings
        self._secrets = secrets

    @cached_property
    def images(self) -> dict[str, Image]:
        """Service to resolved image."""
        return settings_module.images(self._settings)

    def platform(self) -> Platform:
        """Where the stack runs.

        Raises:
            UnsupportedError: the platform is not available in this release.
        """
        stack = self._settings.stack
        if stack.platform == "docker":
            from platforms.docker import DockerPlatform

            return DockerPlatform(stack.instance, self._secrets.stack_id, running=stack.running)
        raise UnsupportedError(f"langfuse-stack:platform {stack.platform} is not available yet: use docker")

    def clickhouse(self) -> ClickHouseArgs:
        """ClickHouse's arguments.

        Raises:
            SettingsError: a test-only allowance is set for a real Langfuse.
        """
        group, release = self._settings.clickhouse, self._settings.release
        floor = release.clickhouse_floor
        if self._settings.langfuse.stand_in_on_old_clickhouse:
            if not self.images["langfuse-web"].stand_in:
                raise SettingsError(
                    "langfuse:standInOnOldClickhouse is for the stand-in alone, and this is a real Langfuse image: "
                    "run `pulumi config rm langfuse:standInOnOldClickhouse`"
                )
            floor = min(known.clickhouse_floor for known in RELEASES.values())
        return ClickHouseArgs(
            image=self.images["clickhouse"],
            password=self._secrets.clickhouse_password,
            admin_password=self._secrets.clickhouse_admin_password,
            deletions=self._settings.langfuse.deletions,
            database=group.database,
            volume=self._volume("clickhouse", group.volume_gb),
            http_port=group.http_port,
            native_port=group.native_port,
            memory_ratio=group.memory_ratio,
            query_log_ttl_days=group.query_log_ttl_days,
            release=release.name,
            floor=floor,
        )

    def minio(self) -> MinioArgs:
        """MinIO's arguments."""
        group = self._settings.minio
        return MinioArgs(
            image=self.images["minio"],
            root_password=self._secrets.minio_root_password,
            app_secret_key=self._secrets.minio_app_secret_key,
            volume=self._volume("minio", group.volume_gb),
            api_port=group.api_port,
            console_port=group.console_port,
        )

    def postgres(self) -> PostgresArgs:
        """Postgres' arguments."""
        group = self._settings.postgres
        return PostgresArgs(
            image=self.images["postgres"],
            admin_password=self._secrets.postgres_admin_password,
            role_password=self._secrets.langfuse_role_password,
            volume=self._volume("postgres", group.volume_gb),
            port=group.port,
            event_trigger=group.event_trigger,
            floor=self._settings.release.postgres_floor,
        )

    def redis(self) -> RedisArgs:
        """Redis' arguments."""
        group = self._settings.redis
        return RedisArgs(
            image=self.images["redis"],
            password=self._secrets.redis_password,
            volume=self._volume("redis", group.volume_gb),
            port=group.port,
            floor=self._settings.release.redis_floor,
        )

    def langfuse(self, stores: Stores) -> LangfuseArgs:
        """Langfuse's arguments."""
        group, secrets = self._settings.langfuse, self._secrets
        return LangfuseArgs(
            release=self._settings.release,
            version=self._settings.langfuse_version,
            web_image=self.images["langfuse-web"],
            worker_image=self.images["langfuse-worker"],
            web_port=group.web_port,
            worker_port=group.worker_port,
            public_url=self._settings.langfuse_url,
            sign_up=group.sign_up,
            telemetry=group.telemetry,
            log_level=group.log_level,
            extra_env=group.extra_env,
            bootstrap=Bootstrap(
                organization_id=group.organization.id,
                organization_name=group.organization.name,
                project_id=group.project.id,
                project_name=group.project.name,
                owner_email=group.owner.email,
                owner_name=group.owner.name,
                owner_password=secrets.owner_password,
                public_key=secrets.langfuse_public_key,
                secret_key=secrets.langfuse_secret_key,
            ),
            crypto=Crypto(secrets.nextauth_secret, secrets.salt, secrets.encryption_key),
            stores=stores,
            stand_in_on_old_clickhouse=group.stand_in_on_old_clickhouse,
        )

    def gateway(self, langfuse: LangfuseArgs) -> GatewayArgs:
        """The gateway's arguments."""
        group = self._settings.gateway
        return GatewayArgs(
            image=self.images["litellm"],
            port=group.port,
            master_key=self._secrets.gateway_master_key,
            tracing=group.tracing,
            callback=group.callback,
            export_delay_ms=group.export_delay_ms,
            models=tuple(
                GatewayModel(model.name, model.model, model.api_base, model.api_key_env) for model in group.models
            ),
            provider_keys=group.provider_keys,
            cache_ttl_seconds=group.cache_ttl_seconds,
            langfuse=langfuse,
        )

    def _volume(self, part: str, size_gb: int) -> VolumeSpec:
        instance = self._settings.stack.instance.replace("-", "_")
        return VolumeSpec(f"{instance}_{part}_data", size_gb)
