"""How services call what is not the stack's: whom they believe over TLS, and through which proxies they go."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pulumi

from checks.trust import FURTHER_VARIABLES, VARIABLE, beside_public
from platforms.spec import File, Platform, Service, ServiceSpec, UnsupportedError, misplaced

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


@dataclass(frozen=True)
class Outbound:
    """See the module."""

    authorities: str = ""
    """Certificates, in PEM, that are believed beside the public ones; empty for none."""
    proxies: Mapping[str, str] = field(default_factory=dict)
    """`HTTP_PROXY` and `HTTPS_PROXY`; the URLs may hold passwords."""
    direct: str = ""
    """Further hosts that are called without a proxy, with commas between them."""

    def service(
        self, platform: Platform, logical_name: str, spec: ServiceSpec, opts: pulumi.ResourceOptions
    ) -> Service:
        """Declare a service that calls out."""
        return platform.service(logical_name, self.through(spec, platform), opts)

    def through(self, spec: ServiceSpec, platform: Platform) -> ServiceSpec:
        """`spec` with what its service needs to call out. A variable that the operator set for it alone stays.

        Raises:
            UnsupportedError: no service reaches the proxy.
        """
        if wrong := misplaced(self.proxies.items(), platform):
            raise UnsupportedError("\n".join(wrong))
        env, secret = dict(spec.env), dict(spec.secret_env)
        taken = {*env, *secret}
        files = spec.files
        if self.authorities:
            files = (*files, File(BUNDLE, beside_public(self.authorities)))
            env |= {name: BUNDLE for name in BELIEVED if name not in taken}
        if self.proxies:
            inside = (platform.internal(service, 0).rpartition(":")[0] for service in SERVICES)
            direct = [*ITSELF, *inside, *filter(None, self.direct.split(","))]
            env |= {} if "NO_PROXY" in taken else {"NO_PROXY": ",".join(dict.fromkeys(direct))}
            secret |= {name: pulumi.Output.secret(url) for name, url in self.proxies.items() if name not in taken}
        return replace(spec, env=env, secret_env=secret, files=files)
