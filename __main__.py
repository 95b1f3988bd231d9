"""Langfuse behind a gateway: settings -> platform -> components, phase by phase -> outputs."""

import startup

startup.start_plugins(updates=False)  # while Python imports what follows

from checks.trust import believe
from components import stores
from components.base import register_delete_hook
from components.context import Context
from components.gateway import Gateway, Proof
from components.langfuse import LangfuseWeb, LangfuseWorker
from components.langfuse_env import Stores
from components.monitoring import Monitoring, has_metrics
from components.phases import Phases
from components.record import History, Switches
from components.relay import Relay
from components.secrets import StackSecrets
from outputs import export
from platforms.choice import choose
from settings import from_engine, read_files
from settings.refusals import check

register_delete_hook()
settings = from_engine()
startup.start_plugins(updates=True)
Switches(settings.switches)
files = read_files(settings)
check(settings, files)
if settings.stack.ca_bundle:
    believe(settings.stack.ca_bundle)  # some gates are proven in this process

secrets = StackSecrets(settings, files.vault)
context = Context(settings, files, secrets, choose(settings, files, secrets))
phases = Phases(context)
data = Stores(
    clickhouse=phases.add("clickhouse", stores.clickhouse),
    minio=phases.add("minio", stores.minio),
    postgres=phases.add("postgres", stores.postgres),
    redis=phases.add("redis", stores.redis),
)
web = phases.add("langfuse-web", LangfuseWeb, data)
phases.add("langfuse-worker", LangfuseWorker, data, web)
relay = phases.add("relay", Relay)
gateway = phases.add("gateway", Gateway, data, web, relay)
phases.add("proof", Proof, data, web, gateway)
if has_metrics(context):
    phases.add("monitoring", Monitoring, data, gateway)

History([secrets, *phases.components], settings.recorded, phases.once_proven("langfuse-web", settings.langfuse_version))
export(context, phases, data, relay, gateway)
