"""How services call what is not the stack's: whom they believe over TLS, and through which proxies they go."""

from dataclasses import replace

import pulumi

from checks.trust import FURTHER_VARIABLES, VARIABLE, beside_public
from components.context import Context
from platforms.spec import File, ServiceSpec, UnsupportedError, misplaced

BUNDLE = "/etc/langfuse-stack/ca.pem"
NODE = "NODE_EXTRA_CA_CERTS"
BELIEVED = (NODE, VARIABLE, *FURTHER_VARIABLES)
VARIABLES = (*BELIEVED, "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
SERVICES = (
    "clickhouse",
    "clickhouse-proxy",
    "minio",
    "postgres",
    "redis",
    "cache",
    "langfuse-web",
    "langfuse-web-proxy",
    "langfuse-worker",
    "relay",
    "relay-proxy",
    "gateway",
)
"""Services that others call by name, and never through a proxy."""
ITSELF = ("localhost", "127.0.0.1", "::1")


def through(spec: ServiceSpec, context: Context) -> ServiceSpec:
    """`spec` with what its service needs to call out. A variable that the operator set for it alone stays.

    Raises:
        UnsupportedError: no service reaches the proxy.
    """
    platform, stack = context.platform, context.settings.stack
    if wrong := misplaced(stack.proxies.items(), platform):
        raise UnsupportedError("\n".join(wrong))
    env, secret = dict(spec.env), dict(spec.secret_env)
    taken = {*env, *secret}
    files = spec.files
    if context.files.authorities:
        files = (*files, File(BUNDLE, beside_public(context.files.authorities)))
        env |= {name: BUNDLE for name in BELIEVED if name not in taken}
    if stack.proxies:
        inside = (platform.internal(service, 0).rpartition(":")[0] for service in SERVICES)
        direct = [*ITSELF, *inside, *filter(None, stack.no_proxy.split(","))]
        env |= {} if "NO_PROXY" in taken else {"NO_PROXY": ",".join(dict.fromkeys(direct))}
        secret |= {name: pulumi.Output.secret(url) for name, url in stack.proxies.items() if name not in taken}
    return replace(spec, env=env, secret_env=secret, files=files)
