"""Reads an OTLP trace request, protobuf or JSON, into the one JSON form that is stored."""

from __future__ import annotations

import base64
import gzip
import json
import re
import zlib
from typing import Any

from standin.trace.spans import read_spans

TRACE_ID = re.compile(r"[0-9a-fA-F]{32}")
SPAN_ID = re.compile(r"[0-9a-fA-F]{16}")


class OtlpError(Exception):
    """The request is not a valid export; the whole batch is refused."""


def decode(body: bytes, content_type: str, content_encoding: str | None) -> list[dict[str, Any]]:
    """The request's `resourceSpans`, ids in hex.

    Raises:
        OtlpError: Wrong content type, broken body, or one bad span.
    """
    media_type = content_type.partition(";")[0].strip().lower()
    if content_encoding == "gzip":
        try:
            body = gzip.decompress(body)
        except (OSError, EOFError, zlib.error) as error:
            raise OtlpError("Failed to decompress the request body") from error
    if media_type == "application/json":
        resource_spans = _from_json(body)
    elif media_type == "application/x-protobuf":
        resource_spans = _from_protobuf(body)
    else:
        raise OtlpError("Invalid content type: expected application/json or application/x-protobuf")
    for span in spans_of(resource_spans):
        _check(span)
    try:
        read_spans(resource_spans)
    except (ValueError, TypeError, AttributeError, KeyError, ArithmeticError, OSError) as error:
        raise OtlpError("Invalid span: a field has the wrong type") from error
    return resource_spans


def spans_of(resource_spans: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Every span of a request, in order."""
    return [
        span
        for resource in resource_spans
        for scope in resource.get("scopeSpans") or []
        for span in scope.get("spans") or []
    ]


def _from_json(body: bytes) -> list[dict[str, Any]]:
    try:
        content = json.loads(body or b"{}")
    except ValueError as error:
        raise OtlpError("Failed to parse JSON") from error
    resource_spans = content.get("resourceSpans", []) if isinstance(content, dict) else None
    if not isinstance(resource_spans, list):
        raise OtlpError("resourceSpans must be a list")
    try:
        spans_of(resource_spans)
    except (AttributeError, TypeError) as error:
        raise OtlpError("resourceSpans is malformed") from error
    return resource_spans


def _from_protobuf(body: bytes) -> list[dict[str, Any]]:
    from google.protobuf.json_format import MessageToDict
    from google.protobuf.message import DecodeError
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
        ExportTraceServiceRequest,
    )

    try:
        message = ExportTraceServiceRequest.FromString(body)
    except DecodeError as error:
        raise OtlpError("Failed to parse OTLP protobuf") from error
    resource_spans: list[dict[str, Any]] = MessageToDict(message).get("resourceSpans", [])
    for span in spans_of(resource_spans):
        for name in ("traceId", "spanId", "parentSpanId"):
            if name in span:
                span[name] = base64.b64decode(span[name]).hex()
    return resource_spans


def _check(span: object) -> None:
    if not isinstance(span, dict):
        raise OtlpError("Invalid span: not an object")
    if not TRACE_ID.fullmatch(str(span.get("traceId", ""))):
        raise OtlpError("Invalid span: traceId must have 32 hexadecimal characters")
    if not SPAN_ID.fullmatch(str(span.get("spanId", ""))):
        raise OtlpError("Invalid span: spanId must have 16 hexadecimal characters")
    for name in ("startTimeUnixNano", "endTimeUnixNano"):
        if not str(span.get(name, "0")).isdigit():
            raise OtlpError(f"Invalid span: {name} must be a number of nanoseconds")
    if not isinstance(span.get("attributes", []), list):
        raise OtlpError("Invalid span: attributes must be a list")
