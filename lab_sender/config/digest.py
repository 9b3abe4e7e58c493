"""The digest of a configuration: what sets one apart from another.

Holds: what a digest covers, and how two are compared.
Promises: two configurations of one digest are the same, file by file and value by value; what an account cannot read
makes no difference to it.
Never: gives away a secret: the key's password and what is in `alerts` are in it only as the file has them, never from
the environment.
"""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from lab_sender.config.text.source import Place, key_text

_UNREADABLE = "?"
_SECRETS: tuple[Place, ...] = (("tls", "key_password"), ("journal", "password"))
_OF_OTHERS: Place = ("alerts",)
"""What the environment gives here are addresses with passwords, which the agent does not need."""


def digest_of(
    files: Mapping[str, bytes], environment: Mapping[Place, str], certificates: Mapping[str, Path]
) -> str:
    """Return the digest: 12 hex digits, and where there are files for TLS `-` and 8 more, or `?`.

    The first part is of the contents of `files` (config.yaml, profiles, code maps, the built-in profiles and the
    dialect that they name) and of what the environment gave. The second is of the contents of `certificates`, by
    their settings: `?` where this account cannot read one of them.
    """
    values = {
        f"${key_text(place)}": text.encode()
        for place, text in environment.items()
        if place[-2:] not in _SECRETS and place[:1] != _OF_OTHERS
    }
    first = _hash({**files, **values}.items())[:12]
    if not certificates:
        return first
    contents = {setting: _content(path) for setting, path in certificates.items()}
    known = [(setting, content) for setting, content in contents.items() if content is not None]
    return f"{first}-{_hash(known)[:8] if len(known) == len(contents) else _UNREADABLE}"


def same_configuration(one: str, other: str) -> bool:
    """Say whether two digests are of one configuration, as far as both accounts could read it."""
    (first, _, files), (second, _, others) = one.partition("-"), other.partition("-")
    return first == second and (files == others or _UNREADABLE in (files, others))


def _hash(parts: Iterable[tuple[str, bytes]]) -> str:
    digest = hashlib.sha256()
    for name, content in sorted(parts):
        digest.update(f"{name}\0{len(content)}\0".encode("utf-8", "surrogateescape"))
        digest.update(content)
    return digest.hexdigest()


def _content(path: Path) -> bytes | None:
    """Return the content of a file, of a missing one nothing; None where this account cannot read it."""
    try:
        return path.read_bytes() if stat.S_ISREG(path.stat().st_mode) else None
    except FileNotFoundError:
        return b""
    except OSError:
        return None
