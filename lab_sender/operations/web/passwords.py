"""Passwords as argon2id.

Holds: the one set of parameters (OWASP's: t=2, m=19 MiB, p=1), and the comparison.
Promises: an account that is not there takes as long as one with a wrong password. At most two are computed at once.
Never: logs or keeps a password.
"""

from __future__ import annotations

import threading
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_AT_ONCE: Final = threading.BoundedSemaphore(2)
_OF_NOBODY: Final = (
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"
)
"""What no password leads to."""


def hashed(password: str) -> str:
    """Return what a password is kept as."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def is_right(password: str, kept: str) -> bool:
    """Say whether a password is the one that is kept; of an account that is not there, `kept` is empty."""
    with _AT_ONCE:
        try:
            return _HASHER.verify(kept or _OF_NOBODY, password) and bool(kept)
        except (VerificationError, InvalidHashError):
            return False
