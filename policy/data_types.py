"""Which resources hold data, or open it. A test compares this list with what the components declare."""

from collections.abc import Mapping

DATA_TYPES: Mapping[str, str] = {
    "docker:index/volume:Volume": "a volume",
    "pulumi-python:dynamic/checks:Bucket": "a bucket",
    "pulumi-python:dynamic/checks:LangfuseSchema": "a database schema",
    "random:index/randomBytes:RandomBytes": "a secret that opens or decrypts data",
    "random:index/randomId:RandomId": "a key that traces are sent with",
    "random:index/randomPassword:RandomPassword": "a password",
}
"""Resource type to what it is, in words."""
