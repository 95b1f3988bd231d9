"""Rows about what the services run on: machines, networks, Docker, Fly and the engine."""

import re

from ops.doctor.access import Access
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, logged, wrong
from ops.engine_locks import locks
from ops.session import stack_name
from platforms.errors import PlatformError

HEAP = re.compile(r"--max[-_]old[-_]space[-_]size=(\d+)")
MEGABYTE = 1 << 20
OF_MEMORY = 0.9
"""Share of its memory that a service's heap may have: the rest is for what is no heap."""
NO_ENGINE = re.compile(r"daemon|\.sock|docker cannot", re.IGNORECASE)


def _memory(access: Access) -> Seen:
    limits = []
    for facts in (facts for found in access.inspector.instances().values() for facts in found):
        if facts.out_of_memory:
            return wrong(f"the kernel killed {facts.name} for memory")
        heap = HEAP.search(facts.env.get("NODE_OPTIONS", ""))
        limit = facts.memory_bytes // MEGABYTE
        if heap and limit and int(heap[1]) > OF_MEMORY * limit:
            return wrong(f"{facts.name} may use {limit} MB, and node in it a heap of {heap[1]} MB")
        if limit:
            limits.append(f"{facts.name} {limit} MB")
    return fine(f"nothing was killed for memory; limits: {', '.join(limits) or 'none'}")


def _lock(access: Access) -> Seen:
    if access.engine_locks is None:
        raise NotApplicableError("the state is not in a folder of this machine")
    found = list(locks(access.engine_locks, stack_name(access.stack)))
    for lock in found:
        if lock.is_stale:
            return wrong(f"process {lock.pid} held the lock since {lock.since} and is gone")
    elsewhere = ", ".join(f"process {lock.pid} of {lock.host} since {lock.since}" for lock in found)
    return fine(f"held by {elsewhere}" if found else "no run holds the stack")


def _engine(access: Access) -> Seen:
    try:
        access.inspector.instances()
    except PlatformError as error:
        if NO_ENGINE.search(str(error)):
            return wrong(str(error))
        raise
    return fine(f"it lists the {access.words.running}")


ROWS = (
    Row(
        id="killed-for-memory",
        part=Part.PLATFORM,
        symptom="Out of memory: Killed process … (node); OOMKilled; exit code 137",
        cause="the kernel killed the process because the machine or its memory limit had no more to give",
        detected="whether a container or machine was killed for memory; node's heap against the limit",
        fix="raise the machine's size (or the limit) and node's heap together: {more_memory}, and "
        "NODE_OPTIONS=--max-old-space-size=<MB> in `langfuse:extraEnv` at about three quarters of it, then `make up`",
        probe=_memory,
    ),
    Row(
        id="engine-lock",
        part=Part.PLATFORM,
        symptom="the stack is currently locked by 1 lock(s)",
        cause="another run of the engine holds the stack's lock, or one that was killed left it behind",
        detected="lock files of the stack, and whether the processes that made them live",
        fix="wait for the other run to end. When it is dead, `make up` removes a lock of this machine; one of another "
        "machine goes with `pulumi cancel`",
        probe=_lock,
    ),
    Row(
        id="docker-engine",
        part=Part.PLATFORM,
        symptom="Cannot connect to the Docker daemon. Is it running?",
        cause="the Docker engine does not run, or its socket is not this user's to open",
        detected="lists what the stack runs",
        fix="start Docker's engine (its service, or the desktop application); see that DOCKER_HOST is unset or names a "
        "socket that is there, and that this user may open it",
        probe=_engine,
    ),
    logged(
        "engine-passphrase",
        Part.PLATFORM,
        "unable to find either PULUMI_CONFIG_PASSPHRASE or PULUMI_CONFIG_PASSPHRASE_FILE",
        "plain pulumi runs without the environment that the stack's commands give it",
        'eval "$(make -s shell)" sets it for this shell; or use `make up` and the other targets',
    ),
    logged(
        "engine-passphrase-wrong",
        Part.PLATFORM,
        "incorrect passphrase",
        "the passphrase is not the one that the stack was made with",
        "put that one into the file that PULUMI_CONFIG_PASSPHRASE_FILE names (0600), or into "
        'PULUMI_CONFIG_PASSPHRASE, then eval "$(make -s shell)"',
    ),
    logged(
        "engine-pending",
        Part.PLATFORM,
        "the current deployment has pending operations",
        "an earlier run was cut off in the middle of an operation",
        "`make up` clears them: what they made is found again",
    ),
    logged(
        "docker-rate-limit",
        Part.PLATFORM,
        "toomanyrequests: You have reached your pull rate limit",
        "the registry gives this address no more images for now",
        "log in at the registry, wait, or use a mirror: the image settings, as clickhouse:image, take any reference",
    ),
    logged(
        "docker-platform",
        Part.PLATFORM,
        "no matching manifest for linux/arm64; exec format error",
        "the image was built for another processor than the machine's ({platform})",
        "use a reference that has the machine's architecture: `make images` shows where each image came from",
    ),
    logged(
        "old-processor",
        Part.PLATFORM,
        "Illegal instruction; does not support x86-64-v2",
        "the processor, or the one a virtual machine shows, is older than the image needs",
        "run it on a newer processor, or have the virtual machine pass the host's processor through",
    ),
    logged(
        "fly-proxy",
        Part.PLATFORM,
        "[PM05] failed to connect to machine; could not find a good candidate",
        "Fly's proxy cannot reach a machine of the app: it is stopped, crashed, does not listen, or its host is "
        "unreachable",
        "see the state of the machine: `make status`, then {explain langfuse-web}; `python -m ops start langfuse-web` "
        "starts one that is stopped. For a host that is away see Fly's status page",
        tolerated=10,
    ),
    logged(
        "fly-health",
        Part.PLATFORM,
        "Health check … has failed",
        "the service does not answer Fly's health check: it starts, hangs or listens elsewhere",
        "`make status`; why is in its log: {explain langfuse-web}",
        tolerated=10,
    ),
    logged(
        "disk-full",
        Part.PLATFORM,
        "No space left on device",
        "the disk that the line names is full",
        "see which service wrote the line, and give its disk more; `make capacity` shows each of them",
    ),
    logged(
        "open-files",
        Part.PLATFORM,
        "Too many open files; EMFILE; errno: 24",
        "the process has as many files and connections open as its limit lets it",
        "raise the limit: ulimit nofile 262144 for ClickHouse, 65535 for the others (the container's or the Docker "
        "engine's default ulimits, or limits.conf of the host), then restart the service",
    ),
    logged(
        "port-taken",
        Part.PLATFORM,
        "EADDRINUSE; address already in use; port is already allocated",
        "another process has the port",
        "stop that process, or give the service another port in the stack's settings, then `make up`",
    ),
    logged(
        "host-unknown",
        Part.PLATFORM,
        "getaddrinfo ENOTFOUND …; no such host",
        "a service was given a host name that does not resolve in its network: {host}",
        "compare {host} in the service's variables with what the stack gives (`python -m ops doctor --all`), and "
        "take it "
        "out of `langfuse:extraEnv`; a name that is right belongs to something that does not run: `make status`",
    ),
    logged(
        "resolver",
        Part.PLATFORM,
        "getaddrinfo EAI_AGAIN …; Temporary failure in name resolution",
        "the resolver of the network (DNS) did not answer for {host}: the container started before its network had "
        "one, "
        "or the host's own resolver is away",
        "harmless at a start. When it stays: see that the host resolves names, then restart the service, as "
        "{restart langfuse-web}",
        tolerated=5,
    ),
    logged(
        "peer-hang-up",
        Part.PLATFORM,
        "socket hang up; read ECONNRESET",
        "the other side closed a connection: it restarted, or keeps idle ones for a shorter time. Harmless when it is "
        "rare",
        "the lines around say who the other side is; `make status` shows whether it restarts",
        tolerated=20,
    ),
    logged(
        "unknown-ca",
        Part.PLATFORM,
        "self-signed certificate in certificate chain; unable to verify the first certificate",
        "the other side presents a certificate of a CA that the service does not know",
        "name the CA's file in `langfuse-stack:caBundle`, then `make up`. Do not turn the check off",
    ),
    logged(
        "certificate-name",
        Part.PLATFORM,
        "Hostname/IP does not match certificate's altnames",
        "the certificate of the other side is for another name than the one in the URL",
        "use a name that the certificate has, or have one made for the name that is used",
    ),
    logged(
        "certificate-expired",
        Part.PLATFORM,
        "certificate has expired; CERT_HAS_EXPIRED",
        "the other side's certificate is out of date, or this machine's clock is wrong",
        "renew the certificate, and see that the clock is right",
    ),
    logged(
        "tls-mismatch",
        Part.PLATFORM,
        "wrong version number; HTTP request was sent to HTTPS port",
        "TLS is spoken to a plain port, or plain text to a TLS port",
        "correct the scheme or port of that URL: https or http, rediss:// or redis://, smtps:// (465) or smtp:// (587)",
    ),
)
