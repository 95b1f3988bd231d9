"""What each component is told: settings, images and secrets turned into its arguments."""

import datetime as dt
import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

import pulumi
from pulumi.runtime import config as runtime_config

import settings as settings_module
from components import clickhouse, gateway, minio
from components.base import data_options
from components.clickhouse import BackupStore, ClickHouse, ClickHouseArgs
from components.clickhouse_cluster import KEEPER_VOLUME_GB, KEEPERS, ClusterArgs
from components.external import (
    ExternalClickHouse,
    ExternalClickHouseArgs,
    ExternalPostgres,
    ExternalPostgresArgs,
    ExternalRedis,
    ExternalRedisArgs,
    ExternalStore,
    ExternalStoreArgs,
)
from components.gateway import Gateway, GatewayArgs
from components.gateway_config import GatewayModel
from components.gateway_database import ManagedDatabase
from components.langfuse import WEB, WEB_PORT, WORKER, WORKER_PORT, LangfuseArgs, replicas
from components.langfuse_env import Analytics, Bootstrap, Crypto, Database, Objects, Queue, Stores
from components.minio import API_PORT, BACKUP_BUCKET, BACKUP_USER, ROOT_USER, Buckets, Minio, MinioArgs
from components.minio import SERVICE as MINIO
from components.monitoring import VOLUME as METRICS_VOLUME
from components.monitoring import Mail, Monitoring, MonitoringArgs, Watched
from components.outbound import Outbound
from components.postgres import Postgres, PostgresArgs
from components.redis import CACHE, Redis, RedisArgs
from components.relay import METRICS_PORT as RELAY_METRICS_PORT
from components.relay import RelayArgs, basic, credentials
from components.releases import Image, end_of_support
from components.secrets import StackSecrets, keys_of_data
from platforms.spec import OPERATORS_MACHINE, Address, Metrics, Platform, VolumeSpec
from settings import Settings, SettingsError, Vault
from settings.groups import Rotatable
from settings.memory import redis_maxmemory_mb
from urls import PostgresUrl, http_url

MEGABYTE = 1 << 20
BACKEND_VARIABLE = "PULUMI_BACKEND_URL"


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
        """Service to resolved image, named as the platform can get it.

        Raises:
            SettingsError: the platform cannot get one of them.
        """
        found = settings_module.images(self._settings)
        if self._settings.stack.platform == "docker":
            return found
        _refuse(settings_module.refused_by_fly(self._settings, found))
        return {service: image.at_registry() for service, image in found.items()}

    @cached_property
    def vault(self) -> Vault | None:
        """What people keep in the vault file; `None` for a stack that generates all of its secrets.

        Raises:
            SettingsError: the vault cannot be used, or is needed and not named.
        """
        stack = self._settings.stack
        if stack.secrets == "generated":
            of_a_role = self._settings.s3.credentials == "role"
            external = [
                setting for part, setting in self._settings.external.items() if not (part == "minio" and of_a_role)
            ]
            if external:
                raise SettingsError(
                    f"{' and '.join(external)} external needs what the vault says of it: "
                    "run `pulumi config set langfuse-stack:secrets vault`"
                )
            return None
        vault, warning = settings_module.open_vault(self._settings, dry_run=pulumi.runtime.is_dry_run())
        if warning:
            pulumi.log.warn(warning)
        return vault

    @cached_property
    def owner(self) -> pulumi.Output[str]:
        """Whose the stack's apps and data are: its own id, or the one that the vault takes over."""
        taken_over = self.vault.stack_id if self.vault else None
        return pulumi.Output.from_input(taken_over) if taken_over else self._secrets.stack_id

    def platform(self) -> Platform:
        """Where the stack runs.

        Raises:
            SettingsError: its state may not live where it does.
        """
        _refuse(settings_module.refused_backend(self._settings, os.environ.get(BACKEND_VARIABLE)))
        if self._settings.gateway.database and self.images["litellm"].source.startswith("built from packages"):
            _refuse(settings_module.NO_ENGINES)
        stack, fly = self._settings.stack, self._settings.fly
        if stack.platform == "docker":
            from platforms.docker.platform import DockerPlatform

            return DockerPlatform(
                stack.instance,
                self._secrets.stack_id,
                self._memory_mb,
                running=stack.running,
                reaches_machine=OPERATORS_MACHINE in self._everything_said(),
                disposable=stack.disposable,
            )
        from platforms.fly.platform import FlyArgs, FlyPlatform
        from platforms.fly.toml import Guest

        return FlyPlatform(
            FlyArgs(
                organization=fly.organization,
                region=fly.region,
                apps=self._settings.fly_app,
                machines=lambda service: Guest.model_validate(self._settings.fly_machine(service)),
                public=fly.public,
                snapshot_retention=fly.snapshot_retention,
                owner=self.owner,
                secrets_key=self._secrets.first["nextauth-secret"].apply(_key_of_hashes),
                running=stack.running,
            ),
            data_options,
        )

    def clickhouse(self, platform: Platform, after: Sequence[pulumi.Resource]) -> Analytics:
        """ClickHouse: a server of the stack's own, or somebody else's."""
        group, release = self._settings.clickhouse, self._settings.release
        floor = self.images["langfuse-web"].clickhouse_floor or release.clickhouse_floor
        vault = self.vault
        if vault and vault.clickhouse_url and group.place == "external":
            external = ExternalClickHouseArgs(
                url=vault.clickhouse_url,
                native=vault.clickhouse_migration_url or vault.clickhouse_url.native,
                database=group.database,
                release=release.name,
                floor=floor,
                running=self._settings.stack.running,
            )
            return ExternalClickHouse(external, platform, after)
        arguments = ClickHouseArgs(
            image=self.images["clickhouse"],
            password=self._secret("clickhouse_password"),
            generation=self._generation("clickhouse-password"),
            password_before=self._before("clickhouse-password"),
            admin_password=self._secrets.clickhouse_admin_password,
            backups=self._backups(platform),
            deletions=self._settings.langfuse.deletions,
            database=group.database,
            volume=self._volume("clickhouse", group.volume_gb),
            http_port=group.http_port,
            native_port=group.native_port,
            memory_ratio=group.memory_ratio,
            query_log_ttl_days=group.query_log_ttl_days,
            release=release.name,
            floor=floor,
            metrics=self._settings.monitoring.enabled,
            cluster=self._cluster(),
        )
        return ClickHouse(arguments, platform, after)

    def _backups(self, platform: Platform) -> BackupStore:
        store, key = self._settings.s3, self._s3_key
        if key and store.place == "external":
            url, secret = f"{store.url}/{store.backups_bucket}/", pulumi.Output.secret(key[1])
            return BackupStore(url, key[0], secret, self._outbound())
        url = f"http://{platform.internal(MINIO, API_PORT)}/{BACKUP_BUCKET}/"
        return BackupStore(url, BACKUP_USER, self._secrets.minio_backup_secret_key)

    @property
    def _s3_key(self) -> tuple[str, str] | None:
        vault = self.vault
        if vault and vault.s3_access_key_id and vault.s3_secret_access_key:
            return vault.s3_access_key_id, vault.s3_secret_access_key
        return None

    def _cluster(self) -> ClusterArgs | None:
        group, secret = self._settings.clickhouse, self._secrets.clickhouse_cluster_secret
        if secret is None:
            return None
        servers, keepers = self._settings.cluster_volumes(KEEPERS)
        return ClusterArgs(
            secret=secret,
            proxy_image=self.images["proxy"],
            proxies=self._settings.replicas("clickhouse-proxy"),
            volumes=[VolumeSpec(name, group.volume_gb) for name in servers],
            keeper_volumes=[VolumeSpec(name, KEEPER_VOLUME_GB) for name in keepers],
        )

    def minio(self, platform: Platform, after: Sequence[pulumi.Resource]) -> Objects:
        """The object store: MinIO of the stack's own, or somebody else's store."""
        group, store = self._settings.minio, self._settings.s3
        if store.place == "external":
            external = ExternalStoreArgs(
                url=store.url,
                region=store.region,
                by_path=store.by_path,
                prefix=store.prefix,
                buckets=Buckets(store.events_bucket, store.media_bucket, store.exports_bucket),
                backups=store.backups_bucket,
                key=self._s3_key if store.credentials == "key" else None,
                deletions=self._settings.langfuse.deletions,
                running=self._settings.stack.running,
            )
            return ExternalStore(external, platform, after)
        arguments = MinioArgs(
            image=self.images["minio"],
            root_user=(self.vault and self.vault.minio_root_user) or ROOT_USER,
            root_password=self._secret("minio_root_password"),
            app_secret_key=self._secrets.minio_app_secret_key,
            app_generation=self._generation("minio-app-secret-key"),
            app_accepted_from=self._generation("minio-app-secret-key")
            - (self._before("minio-app-secret-key") is not None),
            backup_secret_key=self._secrets.minio_backup_secret_key,
            volume=self._volume("minio", group.volume_gb),
            deletions=self._settings.langfuse.deletions,
            api_port=group.api_port,
            console_port=group.console_port,
            metrics=self._settings.monitoring.enabled,
            media_proxy=self.images["proxy"] if settings_module.media_is_public(self._settings) else None,
        )
        return Minio(arguments, platform, after)

    def postgres(self, platform: Platform, after: Sequence[pulumi.Resource]) -> Database:
        """Postgres: a server of the stack's own, or somebody else's."""
        group, vault = self._settings.postgres, self.vault
        data_keys = keys_of_data(self._secret("salt"), self._secret("encryption_key"))
        if vault and vault.postgres_direct_url and vault.postgres_pooled_url and group.place == "external":
            return ExternalPostgres(
                ExternalPostgresArgs(
                    direct=vault.postgres_direct_url,
                    pooled=vault.postgres_pooled_url,
                    role_password=self._secrets.langfuse_role_password,
                    owner=self.owner,
                    data_keys=data_keys,
                    takes_over=vault.stack_id is not None,
                    connection_limit=group.connection_limit,
                    floor=self._settings.release.postgres_floor,
                    running=self._settings.stack.running,
                ),
                platform,
                after,
            )
        arguments = PostgresArgs(
            image=self.images["postgres"],
            admin_password=self._secrets.postgres_admin_password,
            role_password=self._secrets.langfuse_role_password,
            owner=self.owner,
            data_keys=data_keys,
            volume=self._volume("postgres", group.volume_gb),
            port=group.port,
            event_trigger=group.event_trigger,
            floor=self._settings.release.postgres_floor,
        )
        return Postgres(arguments, platform, after)

    def redis(self, platform: Platform, after: Sequence[pulumi.Resource]) -> Queue:
        """Redis: a server of the stack's own, or somebody else's."""
        group, vault = self._settings.redis, self.vault
        if vault and vault.redis_url and group.place == "external":
            external = ExternalRedisArgs(
                url=vault.redis_url,
                cache_url=vault.redis_cache_url,
                key_prefix=group.key_prefix,
                floor=self._settings.release.redis_floor,
                running=self._settings.stack.running,
            )
            return ExternalRedis(external, platform, after)
        arguments = RedisArgs(
            image=self.images["redis"],
            password=self._secrets.redis_password,
            password_before=self._before("redis-password"),
            volume=self._volume("redis", group.volume_gb),
            port=group.port,
            floor=self._settings.release.redis_floor,
            maxmemory_mb=redis_maxmemory_mb(self._memory_mb("redis")),
            cache_maxmemory_mb=redis_maxmemory_mb(self._memory_mb(CACHE)),
        )
        return Redis(arguments, platform, after)

    def langfuse(self, stores: Stores) -> LangfuseArgs:
        """Langfuse's arguments.

        Raises:
            SettingsError: they ask for a new major release over data, and this is no upgrade.
        """
        _refuse(settings_module.refused_release(self._settings))
        group = self._settings.langfuse
        if pulumi.runtime.is_dry_run():  # said once: an update follows a preview
            today = dt.datetime.now(tz=dt.UTC).date()
            unseen = settings_module.media_warning(self._settings, self._public_url())
            for warning in filter(None, (unseen, end_of_support(self._settings.release, today))):
                pulumi.log.warn(warning)
        return LangfuseArgs(
            release=self._settings.release,
            version=self._settings.langfuse_version,
            web_image=self.images["langfuse-web"],
            worker_image=self.images["langfuse-worker"],
            proxy_image=self.images["proxy"],
            web_replicas=self._settings.web.replicas,
            worker_replicas=self._settings.worker.replicas,
            web_port=group.web_port,
            worker_port=group.worker_port,
            public_url=self._public_url(),
            media_url=settings_module.media_url(self._settings) or http_url(stores.minio.api.internal),
            sign_up=group.sign_up,
            telemetry=group.telemetry,
            log_level=group.log_level,
            extra_env=group.extra_env,
            secret_env={**group.secret_env, **(self.vault.langfuse_env if self.vault else {})},
            bootstrap=Bootstrap(
                organization_id=group.organization.id,
                organization_name=group.organization.name,
                project_id=group.project.id,
                project_name=group.project.name,
                owner_email=self._settings.owner_email,
                owner_name=group.owner.name,
                owner_password=self._secret("owner_password"),
                public_key=self._secret("langfuse_public_key"),
                secret_key=self._secret("langfuse_secret_key"),
            ),
            crypto=Crypto(self._secret("nextauth_secret"), self._secret("salt"), self._secret("encryption_key")),
            stores=stores,
            outbound=self._outbound(),
            stale_snapshot=self._settings.recorded.stale_snapshot,
        )

    def relay(self, langfuse: LangfuseArgs) -> RelayArgs:
        """The relay's arguments."""
        group = self._settings.relay
        return RelayArgs(
            image=self.images["relay"],
            proxy_image=self.images["proxy"],
            volume=self._volume("relay", group.volume_gb),
            port=group.port,
            metrics_port=group.metrics_port,
            queue_bytes=group.queue_mb * 1024**2,
            credentials_before=self._credentials_before(),
            langfuse=langfuse,
        )

    def _credentials_before(self) -> pulumi.Output[str] | None:
        vault, generated = self.vault, self._secrets.langfuse_keys_before
        if vault and vault.langfuse_public_key and vault.langfuse_secret_key:
            now = basic(vault.langfuse_public_key, vault.langfuse_secret_key)
            before = self._settings.recorded.credentials_before(now)
            return pulumi.Output.secret(before) if before else None
        return credentials(*generated) if generated else None

    def gateway(self, langfuse: LangfuseArgs, relay: Address) -> GatewayArgs:
        """The gateway's arguments."""
        group = self._settings.gateway
        return GatewayArgs(
            image=self.images["litellm"],
            port=group.port,
            public_url=self._settings.gateway_url,
            master_key=self._secret("gateway_master_key"),
            tracing=group.tracing,
            callback=group.callback,
            relay=relay if group.relayed else None,
            export_delay_ms=group.export_delay_ms,
            config=self._gateway_config,
            models=tuple(
                GatewayModel(model.name, model.model, model.api_base, model.api_key_env, model.params, model.model_info)
                for model in group.models
            ),
            config_is_secret=any(map(runtime_config.is_config_secret, ("gateway:config", "gateway:models"))),
            env=group.env,
            provider_keys={**group.provider_keys, **(self.vault.provider_keys if self.vault else {})},
            cache_ttl_seconds=group.cache_ttl_seconds,
            replicas=group.replicas,
            metrics=self._settings.monitoring.enabled,
            langfuse=langfuse,
            database=self._gateway_database(langfuse.stores.postgres),
            running=self._settings.stack.running,
        )

    @property
    def has_metrics(self) -> bool:
        """Whether the stack has a Prometheus, or the metrics of one that it had."""
        known = self._settings.recorded.known_data or ()
        return self._settings.monitored or any(urn.endswith(f"::{METRICS_VOLUME}") for urn in known)

    def monitoring(
        self, stores: Stores, gateway: Gateway, platform: Platform, after: Sequence[pulumi.Resource]
    ) -> Monitoring:
        """Prometheus and what belongs to it; its volume alone where monitoring is switched off again."""
        group = self._settings.monitoring
        volume = self._volume("prometheus", group.volume_gb)
        if not self._settings.monitored:
            return Monitoring(None, volume, platform, after, [])
        external = self.vault.redis_url if self.vault and self._settings.redis.place == "external" else None
        redis = f"redis://{stores.redis.address.internal}"
        args = MonitoringArgs(
            images=self.images,
            ports={
                "prometheus": group.prometheus_port,
                "alertmanager": group.alertmanager_port,
                "pushgateway": group.pushgateway_port,
            },
            watched=self._watched(),
            postgres=stores.postgres,
            sslmode="disable" if self._settings.postgres.place == "managed" else "require",
            redis=stores.redis,
            redis_url=pulumi.Output.secret(replace(external, password="").ioredis() if external else redis),
            key_prefix=self._settings.redis.key_prefix,
            interval=group.interval_seconds,
            retention_days=group.retention_days,
            volume_gb=group.volume_gb,
            memory_mb=group.memory_mb,
            limits=group.limits,
            webhook=pulumi.Output.secret(group.webhook_url) if group.webhook_url else None,
            mail=Mail(
                group.mail_to,
                group.mail_from,
                group.mail_server,
                group.mail_user,
                pulumi.Output.secret(group.mail_password) if group.mail_password else None,
            )
            if group.mail_to and group.mail_from and group.mail_server
            else None,
        )
        return Monitoring(args, volume, platform, after, gateway.gates)

    def _watched(self) -> Watched:
        webs, workers = self._settings.web.replicas, self._settings.worker.replicas
        cluster = self._cluster()
        reached = (self._public_url(), settings_module.media_url(self._settings), self._settings.gateway_url)
        public = map(urlsplit, filter(None, reached))
        clickhouses = dict.fromkeys(cluster.members if cluster else ("clickhouse",), clickhouse.METRICS)
        own = self._settings.stores
        return Watched(
            metrics={
                **(clickhouses if "clickhouse" in own else {}),
                **({"minio": minio.METRICS} if "minio" in own else {}),
                "gateway": gateway.METRICS,
                "relay": Metrics(RELAY_METRICS_PORT),
            },
            health={
                **dict.fromkeys(replicas(WEB, webs), (WEB_PORT, "/api/public/health")),
                **dict.fromkeys(replicas(WORKER, workers), (WORKER_PORT, "/api/health")),
            },
            certificates=[f"{url.hostname}:{url.port or 443}" for url in public if url.scheme == "https"],
        )

    def _gateway_database(self, postgres: Database) -> ManagedDatabase | PostgresUrl | None:
        """Where virtual keys are kept.

        Raises:
            SettingsError: it cannot be there.
        """
        group = self._settings.gateway
        if group.database is None:
            return None
        password = self._secrets.gateway_database_password
        if password is None:
            return settings_module.gateway_database(self._settings, self.vault)
        if not isinstance(postgres, Postgres):
            raise SettingsError(
                "gateway:database has no Postgres of the stack's own to be on, since postgres:place is external: "
                "run `pulumi config set gateway:database external`, and give its URL"
            )
        return ManagedDatabase(postgres, password, self.owner)

    def _outbound(self) -> Outbound:
        stack = self._settings.stack
        return Outbound(settings_module.ca_bundle(stack.ca_bundle), stack.proxies, stack.no_proxy)

    def _everything_said(self) -> str:
        """All that settings, vault and an own configuration of the gateway say, as one text."""
        vault = self.vault.model_dump() if self.vault else {}
        return str([self._settings.model_dump(), vault, self._gateway_config])

    @cached_property
    def _gateway_config(self) -> Mapping[str, Any]:
        return settings_module.gateway_config(self._settings.gateway.config)

    def _secret(self, name: str) -> pulumi.Output[str]:
        """The vault's value, else the generated one, which exists in any case: a vault may lose a key again."""
        given = getattr(self.vault, name) if self.vault else None
        generated: pulumi.Output[str] = getattr(self._secrets, name)
        return generated if given is None else pulumi.Output.secret(given)

    def _generation(self, name: Rotatable) -> int:
        """Of a secret that is in use; the vault's are all in their first."""
        held = self.vault and getattr(self.vault, name.replace("-", "_"), None) is not None
        return 1 if held else self._settings.stack.generation(name)

    def _before(self, name: Rotatable) -> pulumi.Output[str] | None:
        """The generation before the one in use, while it is accepted too."""
        rotating = self._settings.stack.rotating == name and self._generation(name) > 1
        return self._secrets.before[name] if rotating else None

    def _public_url(self) -> str:
        stated = self._settings.langfuse.public_url
        host = self.vault.langfuse_host if self.vault else None
        return host.rstrip("/") if host and not stated else self._settings.langfuse_url

    def _memory_mb(self, service: str) -> int:
        """Memory limit of a service."""
        machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        return self._settings.memory_mb(service, machine // MEGABYTE)

    def _volume(self, store: str, size_gb: int) -> VolumeSpec:
        return VolumeSpec(self._settings.volume(store), size_gb)


def _refuse(reason: str) -> None:
    """Stop an update for a reason, if there is one; a preview only says it.

    Raises:
        SettingsError: it is an update.
    """
    if reason and not pulumi.runtime.is_dry_run():
        raise SettingsError(reason)
    if reason:
        pulumi.log.warn(f"`up` would refuse this: {reason}")


def _key_of_hashes(secret: str) -> str:
    return hashlib.sha256(f"hashes of staged secrets: {secret}".encode()).hexdigest()
