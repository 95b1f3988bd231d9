"""Puts a job that cannot be done into a queue of events, or takes all failed ones out; runs in the worker."""

import asyncio
import os
import sys

from bullmq import Queue


async def main(action: str) -> None:
    """Do what was asked."""
    env = os.environ
    connection = {"host": env["REDIS_HOST"], "port": int(env["REDIS_PORT"]), "password": env["REDIS_AUTH"]}
    queue = Queue("otel-ingestion-queue", {"connection": connection})
    if action == "add":
        await queue.add("otel-ingestion-job", {"bogus": True}, {"attempts": 1, "removeOnFail": False})
    else:
        await queue.clean(0, 1000, "failed")
    await queue.close()


asyncio.run(main(sys.argv[1]))
