"""Langfuse behind a gateway: settings -> platform -> components, phase by phase -> outputs."""

import startup  # noqa: F401 - first of all: what it switches off costs time from here on
import warmup  # what it starts goes on beside all that follows
from components.base import register_delete_hook
from components.clickhouse import ClickHouse
from components.gateway import Gateway, Proof
from components.langfuse import LangfuseWeb, LangfuseWorker
from components.langfuse_env import Stores
from components.minio import Minio
from components.phases import Phases
from components.record import History, Switches
from components.secrets import StackSecrets
from outputs import export
from settings import from_engine
from wiring import Wiring

register_delete_hook()
settings = from_engine()
warmup.begin(updates=True)
Switches(settings.switches)
secrets = StackSecrets(settings.stack.generations, clustered=settings.clickhouse.clustered)
wire = Wiring(settings, secrets)
platform = wire.platform()
phases = Phases(settings.stack.phases)

clickhouse = phases.add("clickhouse", lambda after: ClickHouse(wire.clickhouse(), platform, after))
minio = phases.add("minio", lambda after: Minio(wire.minio(), platform, after))
postgres = phases.add("postgres", lambda after: wire.postgres(platform, after))
redis = phases.add("redis", lambda after: wire.redis(platform, after))

langfuse = wire.langfuse(Stores(clickhouse, minio, postgres, redis))
web = phases.add("langfuse-web", lambda after: LangfuseWeb(langfuse, platform, after))
worker = phases.add("langfuse-worker", lambda after: LangfuseWorker(langfuse, web, platform, after))

litellm = wire.gateway(langfuse)
gateway = phases.add("gateway", lambda after: Gateway(litellm, web, redis, platform, after))
phases.add("proof", lambda after: Proof(litellm, gateway, web, after))
if wire.has_metrics:
    phases.add("monitoring", lambda after: wire.monitoring(langfuse.stores, gateway, platform, after))
had = settings.recorded
History(
    [secrets, *phases.components],
    data=had.known_data or (),
    release=had.release or "",
    proven=phases.once_proven("langfuse-web", settings.langfuse_version),
)

export(
    langfuse=langfuse,
    litellm=litellm,
    clickhouse=clickhouse,
    minio=minio,
    gateway=gateway,
    images=wire.images,
    phases=phases,
)
