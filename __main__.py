"""Langfuse behind a gateway: settings -> platform -> components, phase by phase -> outputs."""

import startup

startup.start_plugins(updates=False)  # while Python imports what follows

from checks.trust import believe
from components.base import register_delete_hook
from components.gateway import Gateway, Proof
from components.langfuse import LangfuseWeb, LangfuseWorker
from components.langfuse_env import Stores
from components.phases import Phases
from components.record import History, Switches
from components.relay import Relay
from components.secrets import StackSecrets
from outputs import export
from settings import from_engine
from wiring import Wiring

register_delete_hook()
settings = from_engine()
startup.start_plugins(updates=True)
Switches(settings.switches)
secrets = StackSecrets(
    settings.stack.generations,
    clustered=settings.clickhouse.clustered,
    gateway_database=settings.gateway.manages_database,
)
wire = Wiring(settings, secrets)
platform = wire.platform()
phases = Phases(settings.stack.phases)

clickhouse = phases.add("clickhouse", lambda after: wire.clickhouse(platform, after))
minio = phases.add("minio", lambda after: wire.minio(platform, after))
postgres = phases.add("postgres", lambda after: wire.postgres(platform, after))
redis = phases.add("redis", lambda after: wire.redis(platform, after))

langfuse = wire.langfuse(Stores(clickhouse, minio, postgres, redis))
if settings.stack.ca_bundle:
    believe(settings.stack.ca_bundle)  # some gates are proven in this process
web = phases.add("langfuse-web", lambda after: LangfuseWeb(langfuse, platform, after))
worker = phases.add("langfuse-worker", lambda after: LangfuseWorker(langfuse, web, platform, after))

relay = phases.add("relay", lambda after: Relay(wire.relay(langfuse), platform, after))

litellm = wire.gateway(langfuse, relay.address)
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
    relay=relay,
    gateway=gateway,
    images=wire.images,
    phases=phases,
)
