"""Whether the stack takes a secret: tried at the part that asks for it, with the value of one generation."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from checks import postgres, redis
from checks.base import CheckFailedError, first_line, until_healthy
from components.clickhouse import user_of
from components.minio import app_user
from ops.rotation.catalog import Secret
from ops.session import OpsError
from ops.smoke import Access
from ops.state import State
from urls import postgres_url

DEADLINE_SECONDS = 30
Values = Sequence[str]
Attempt = Callable[[Access, State, int, Values], None]
"""Comes in with the values of a generation.

Raises:
    CheckFailedError: it is not let in.
"""


def prove(to: Access, state: State, secret: Secret, number: int, *, accepted: bool) -> None:
    """Prove that the stack takes the secret in that generation, or takes it no more.

    Of a part that answers nobody everything is refused, so prove what is accepted first.

    Raises:
        OpsError: it is not so.
    """
    attempt, values = ATTEMPTS[secret.name], secret.values(state, number)
    try:
        if accepted:
            until_healthy(lambda: attempt(to, state, number, values), deadline_seconds=DEADLINE_SECONDS)
            return
        attempt(to, state, number, values)
    except CheckFailedError as failure:
        if accepted:
            raise OpsError(f"generation {number} of {secret.name} is not accepted: {failure}") from None
        return
    raise OpsError(f"generation {number} of {secret.name} is still accepted: run the command again")


def _clickhouse(to: Access, _state: State, number: int, values: Values) -> None:
    replace(to.login, user=user_of(number), password=values[0]).connect().close()


def _gateway(to: Access, _state: State, _number: int, values: Values) -> None:
    replace(to.gateway, master_key=values[0]).models()


def _keys(to: Access, _state: State, _number: int, values: Values) -> None:
    replace(to.api, public_key=values[0], secret_key=values[1]).keys_accepted()


def _postgres(_to: Access, state: State, _number: int, values: Values) -> None:
    url = postgres_url(str(state.output("postgres-gate", "direct_url")))
    with postgres.connection(replace(url, password=values[0]).prisma(), "as Langfuse"):
        pass


def _minio(to: Access, _state: State, number: int, values: Values) -> None:
    try:
        entered = replace(to.store, access_key=app_user(number), secret_key=values[0])
        entered.client().bucket_exists(to.bucket)
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, it was not let in
        raise CheckFailedError(f"HEAD {to.bucket} as {app_user(number)}", first_line(error), "run `make up`") from None


def _redis(to: Access, _state: State, _number: int, values: Values) -> None:
    try:
        with redis.client(to.redis_address, values[0], user=to.redis_user, tls=to.redis_tls) as server:
            server.ping()
    except Exception as error:  # noqa: BLE001 - whatever the driver raises, it was not let in
        raise CheckFailedError(f"PING {to.redis_address}", first_line(error), "run `make up`") from None


ATTEMPTS: Mapping[str, Attempt] = {
    "clickhouse-password": _clickhouse,
    "gateway-master-key": _gateway,
    "langfuse-keys": _keys,
    "langfuse-role-password": _postgres,
    "minio-app-secret-key": _minio,
    "redis-password": _redis,
}
"""Not `nextauth-secret`, which nobody presents: that web runs and is proven with it is all there is to see."""
