"""Rows about the object store: the buckets, and who can reach them."""

import re
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

from checks.s3 import ROLE, TIMEOUT_SECONDS
from ops.doctor.access import Access
from ops.doctor.looks import environment
from ops.doctor.row import NotApplicableError, Part, Row, Seen, fine, wrong
from ops.doctor.rows import addresses

if TYPE_CHECKING:
    from minio import Minio

MARKER = "langfuse-stack/doctor"
"""Name of an object that is never made."""
DIGEST = "1B2M2Y8AsgTpgAmY7PhCfg=="
"""MD5 of nothing."""
ERROR_CODE = re.compile(r"<Code>(\w+)</Code>")
REMOVED_IMAGE = re.compile(r"(?:(?:(?:index\.)?docker\.io|quay\.io)/)?minio/(?:minio|mc)(?:[:@].*)?")
MEDIA = "LANGFUSE_S3_MEDIA_UPLOAD_ENDPOINT"
CONNECTING = (("langfuse-web", "LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT"), ("langfuse-worker", MEDIA))
"""Who opens connections by which variable; web only signs links by the one for media."""
TAKE_OUT = "take {name} out of `langfuse:extraEnv`, then `make up`"
KINDS = ("EVENT_UPLOAD", "MEDIA_UPLOAD", "BATCH_EXPORT")


def _write(access: Access) -> Seen:
    """Nothing is stored: what the store may be told to keep, versions and locks, could not be taken back."""
    if not access.store.access_key:
        raise NotApplicableError(ROLE)
    store, key = access.store.client(), f"{access.store.prefix}{MARKER}"
    for name in access.buckets:
        for method, refusal in (("PUT", _put(store, name, key)), ("GET", _get(store, name, key))):
            if refusal:
                return wrong(f"{method} {name}/{key}: {refusal}")
    return fine(f"may write and read in {', '.join(access.buckets)}")


def _put(store: "Minio", name: str, key: str) -> str:
    """Why the key may not write. The body is not the one that its digest promises, so none is stored."""
    import httpx

    url = store.get_presigned_url("PUT", name, key, expires=timedelta(minutes=1))
    answer = httpx.put(
        url, content=b"another", headers={"Content-MD5": DIGEST}, timeout=TIMEOUT_SECONDS, trust_env=False
    )
    code = ERROR_CODE.search(answer.text)
    said = code[1] if code else f"HTTP {answer.status_code}"
    return "" if said == "BadDigest" else said


def _get(store: "Minio", name: str, key: str) -> str:
    """Why the key may not read."""
    from minio.error import S3Error

    try:
        store.get_object(name, key).close()
    except S3Error as error:
        return "" if error.code == "NoSuchKey" else str(error.code)
    return ""


def _settings(access: Access) -> Seen:
    for service in ("langfuse-web", "langfuse-worker"):
        env = environment(access.inspector, service)
        for kind in KINDS:
            style = env.get(f"LANGFUSE_S3_{kind}_FORCE_PATH_STYLE")
            if (style == "true") != access.store.by_path:
                return wrong(f"LANGFUSE_S3_{kind}_FORCE_PATH_STYLE of {service} is {style or 'unset'}")
            name = env.get(f"LANGFUSE_S3_{kind}_BUCKET", "")
            if name not in access.buckets:
                return wrong(
                    f"LANGFUSE_S3_{kind}_BUCKET of {service} is {name or 'unset'}, which this stack did not make"
                )
    return fine("path style and buckets as this store needs them")


def _connection(access: Access) -> Seen:
    for service, name in CONNECTING:
        target = addresses.target(environment(access.inspector, service).get(name, ""))
        if target is None:
            return wrong(f"{name} of {service} names no address", TAKE_OUT.format(name=name))
        seen = addresses.reached(access, service, [target])
        if not seen.healthy:
            return replace(seen, fix=TAKE_OUT.format(name=name))
    return fine("web and worker reach the store")


def _external(access: Access) -> Seen:
    import httpx

    env = environment(access.inspector, "langfuse-web")
    inside = env.get("LANGFUSE_S3_EVENT_UPLOAD_ENDPOINT", "")
    names = (MEDIA, "LANGFUSE_S3_BATCH_EXPORT_EXTERNAL_ENDPOINT")
    if access.store_is_private and all(env.get(name) == inside for name in names):
        raise NotApplicableError("`minio:publicUrl` names no address outside of the private network")
    for name in names:
        url = env.get(name, "")
        try:
            httpx.get(url, timeout=3, trust_env=False)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return wrong(f"{name}={url} cannot be reached from outside: {type(error).__name__}")
    policy = httpx.get(access.web_url, timeout=3, trust_env=False).headers.get("content-security-policy", "")
    if not _shows(policy, env[MEDIA]):
        return wrong(
            f"{MEDIA}={env[MEDIA]}: the content security policy of Langfuse's pages lets no picture in from there",
            "`pulumi config set minio:publicUrl <url>` with an https:// address, or `pulumi config rm minio:publicUrl` "
            "for http://localhost, then `make up`",
        )
    return fine("media and exports go to addresses that answer from outside, and pages may show them")


def _shows(policy: str, url: str) -> bool:
    """Whether a page with that content security policy may show a picture from there."""
    directives = (part.split() for part in policy.split(";"))
    sources: dict[str, set[str]] = {words[0]: set(words[1:]) for words in directives if words}
    allowed = sources.get("img-src", sources.get("default-src"))
    parts = addresses.parsed(url)
    if allowed is None or parts is None:
        return allowed is None
    host = f"{parts.scheme}://{parts.hostname}"
    return not allowed.isdisjoint({f"{parts.scheme}:", host, f"{host}:*", f"{host}:{parts.port}"})


def _registry(access: Access) -> Seen:
    for service, reference in access.images.items():
        if REMOVED_IMAGE.fullmatch(reference):
            return wrong(f"{service} is to run {reference}, which its maker took out of the registry")
    running = access.inspector.instances()
    if not running:
        raise NotApplicableError("nothing runs")
    return fine(f"{sum(map(len, running.values()))} {access.words.running} have their images")


ROWS = (
    Row(
        id="store-write",
        part=Part.STORE,
        symptom="500 Failed to upload events to blob storage; Failed to upload JSON to S3; NoSuchBucket",
        cause="a bucket is missing, or the key may not write",
        detected="asks every bucket, with Langfuse's own key, to store an object whose digest is wrong, and for one "
        "that is not there: nothing is stored",
        fix="`make up` makes the buckets and sets the key's policy",
        probe=_write,
    ),
    Row(
        id="store-settings",
        part=Part.STORE,
        symptom="getaddrinfo ENOTFOUND langfuse-events.minio",
        cause="path style is off, so the bucket becomes part of the host's name; or another bucket is named",
        detected="FORCE_PATH_STYLE and BUCKET of all three uses on web and worker",
        fix="take the LANGFUSE_S3_* variables out of `langfuse:extraEnv`, then `make up`",
        probe=_settings,
    ),
    Row(
        id="store-connection",
        part=Part.STORE,
        symptom="connect ECONNREFUSED …:9000 in web's log at every upload",
        cause="a wrong endpoint, or the store is down; without it the worker deletes no trace that has media",
        detected="connects to the endpoint for events from web, and to the one for media from the worker",
        fix=TAKE_OUT.format(name="LANGFUSE_S3_*_ENDPOINT"),
        probe=_connection,
    ),
    Row(
        id="store-external-endpoint",
        part=Part.STORE,
        symptom="media and exports fail while events work: ERR_NAME_NOT_RESOLVED or ERR_BLOCKED_BY_CSP in the browser",
        cause="signed links name a host that only the private network knows, or from which pages may show nothing",
        detected="asks the endpoints for media and exports from this machine, and web for its content security policy",
        fix="`pulumi config set minio:publicUrl <url>` with an address that browsers reach, then `make up`",
        probe=_external,
    ),
    Row(
        id="image-removed",
        part=Part.STORE,
        symptom="pull access denied for minio/minio; manifest for minio/minio not found",
        cause="MinIO's community images were taken out of the registries",
        detected="image references of the stack's settings",
        fix="`pulumi config rm minio:image`, then `make up`: the stack finds, pulls or builds one that exists",
        probe=_registry,
    ),
)
