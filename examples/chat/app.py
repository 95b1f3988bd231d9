"""A chat behind the gateway whose own spans and the gateway's are one trace in Langfuse."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from langfuse import get_client, observe
from openai import AsyncOpenAI
from opentelemetry.propagate import inject
from pydantic import BaseModel

MODEL = os.environ.get("MODEL", "smoke")
"""Name of one of the gateway's models; `smoke` answers by itself and costs nothing."""


class Question(BaseModel):
    """What a user asks."""

    text: str
    user: str = "anonymous"


class Answer(BaseModel):
    """What the model says, and the trace that shows how it came about."""

    text: str
    trace_id: str


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    """Send what is left of the traces before the process ends."""
    yield
    get_client().flush()


app = FastAPI(lifespan=lifespan)
gateway = AsyncOpenAI()  # OPENAI_BASE_URL and OPENAI_API_KEY, from `make env`


@app.post("/chat")
async def chat(question: Question) -> Answer:
    """Answer one question."""
    return await answer(question)


@observe(name="answer")
async def answer(question: Question) -> Answer:
    """One trace: the span `answer`, below it `retrieve`, and the gateway's call of the model."""
    context = await retrieve(question.text)
    headers: dict[str, str] = {}
    inject(headers)  # `traceparent`: the gateway puts its spans below the current one
    completion = await gateway.chat.completions.create(
        model=MODEL,
        messages=[{"role": "system", "content": context}, {"role": "user", "content": question.text}],
        user=question.user,
        extra_headers=headers,
    )
    return Answer(
        text=completion.choices[0].message.content or "",
        trace_id=get_client().get_current_trace_id() or "",
    )


@observe(name="retrieve", as_type="retriever")
async def retrieve(_text: str) -> str:
    """Stands for a search in your documents."""
    return "Answer briefly."
