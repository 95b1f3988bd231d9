"""The last look at a stack, with the eyes of the people who use it. Reads only."""

from checks.base import CheckFailedError, Evidence, Inputs, first_line
from checks.clickhouse_login import Login
from checks.trace import accepted


def validated(inputs: Inputs) -> Evidence:
    """The UI answers under its public address, ClickHouse shows Langfuse's database, the object store is ready.

    Args:
        inputs: `ui_url`, `store_url` (of a store of the stack's own), and ClickHouse's `http_address`, `user`,
            `password`, `database`.

    Raises:
        CheckFailedError: one of them is not so.
    """
    page = accepted(
        "GET",
        inputs["ui_url"],
        "the public address must lead to langfuse-web: see its DNS record and certificate, and langfuse:publicUrl",
        follow_redirects=True,
    )
    databases = _databases(inputs)
    seen = {"ui_bytes": len(page.content), "databases": databases}
    if "store_url" not in inputs:
        return seen
    accepted("GET", f"{inputs['store_url']}/minio/health/ready", "see the log of the object store")
    return {**seen, "object_store": "ready"}


def reachable_gateway(url: str) -> None:
    """The gateway answers under its public address.

    Raises:
        CheckFailedError: it does not.
    """
    accepted(
        "GET",
        f"{url}/health/liveliness",
        "the public address must lead to the gateway: see DNS, its certificate, gateway:publicUrl and fly:public",
    )


def _databases(inputs: Inputs) -> list[str]:
    login = Login(inputs["http_address"], inputs["user"], inputs["password"], inputs["database"])
    client = login.connect()
    try:
        found = sorted(str(row[0]) for row in client.query("SHOW DATABASES").result_rows)
    except Exception as error:
        raise CheckFailedError("SHOW DATABASES", first_line(error), "see ClickHouse's log") from None
    finally:
        client.close()
    if login.database not in found:
        raise CheckFailedError(
            "SHOW DATABASES", ", ".join(found), f"{login.database} is missing: set clickhouse:database right"
        )
    return found
