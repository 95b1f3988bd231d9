"""How secrets are kept: hashes of keys and passwords, and encryption of what must be read again."""

from __future__ import annotations

import hashlib
import hmac
import os
from base64 import b64decode, b64encode

SALT_BYTES = 16
AES_KEY_BYTES = 32
NONCE_BYTES = 12
SCRYPT = {"n": 2**12, "r": 8, "p": 1}


class EncryptionError(Exception):
    """ENCRYPTION_KEY is absent or no hexadecimal key."""


def fast_hash(secret_key: str, salt: str) -> str:
    """The hash by which an API key is found; another SALT finds nothing."""
    inner = hashlib.sha256(salt.encode()).hexdigest()
    return hashlib.sha256(secret_key.encode() + inner.encode()).hexdigest()


def slow_hash(secret: str) -> str:
    """A hash that can only be compared: for passwords, and for API keys whose fast hash is outdated."""
    salt = os.urandom(SALT_BYTES)
    digest = hashlib.scrypt(secret.encode(), salt=salt, **SCRYPT)
    return f"scrypt${b64encode(salt).decode()}${b64encode(digest).decode()}"


def matches(secret: str, slow: str) -> bool:
    """Whether the secret is the one that was hashed."""
    try:
        _, salt, digest = slow.split("$")
        seen = hashlib.scrypt(secret.encode(), salt=b64decode(salt), **SCRYPT)
        return hmac.compare_digest(seen, b64decode(digest))
    except ValueError:
        return False


def encrypt(text: str, key: str | None) -> str:
    """AES-256-GCM with ENCRYPTION_KEY, as `nonce:ciphertext:tag` in hex.

    Raises:
        EncryptionError: The key is missing, or is not 64 hexadecimal characters.
    """
    if key is None:
        raise EncryptionError("Missing ENCRYPTION_KEY")
    try:
        raw = bytes.fromhex(key)
    except ValueError:
        raw = b""
    if len(raw) != AES_KEY_BYTES:
        raise EncryptionError("Invalid key length")
    from Crypto.Cipher import AES

    cipher = AES.new(raw, AES.MODE_GCM, nonce=os.urandom(NONCE_BYTES))
    sealed, tag = cipher.encrypt_and_digest(text.encode())
    return f"{cipher.nonce.hex()}:{sealed.hex()}:{tag.hex()}"


def masked(secret: str) -> str:
    """What may be shown of a secret."""
    return f"{secret[:6]}...{secret[-4:]}"
