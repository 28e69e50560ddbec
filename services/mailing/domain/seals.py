"""Seals: random tokens that stand for members of an audience, and say nothing about them."""

import hashlib
import secrets

TOKEN_BYTES = 32


def new_seal() -> str:
    """Return a token that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> bytes:
    """Return what is kept of a token; the token cannot be made of it."""
    return hashlib.sha256(token.encode()).digest()
