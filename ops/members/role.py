"""Langfuse's roles."""

from enum import StrEnum


class Role(StrEnum):
    """What a member may do in an organization; as Langfuse spells it."""

    OWNER = "OWNER"
    ADMIN = "ADMIN"
    MEMBER = "MEMBER"
    VIEWER = "VIEWER"
    NONE = "NONE"
    """Only what projects give."""
