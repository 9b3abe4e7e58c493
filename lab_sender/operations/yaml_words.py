"""Words for lines that somebody writes into config.yaml.

Holds: how a key and a value are written.
Promises: YAML takes each for the text that it is, whatever is in it, in a line of its own or between braces; what
looks like a name from the environment is none.
Never: reads a configuration.
"""

from __future__ import annotations

import json
from typing import Final

_AS_IT_IS: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")


def value_text(text: str) -> str:
    """Write a text as a value."""
    return quoted(text.replace("${", "$${"))


def quoted(text: str) -> str:
    """Write a text, of which the configuration has not to replace anything, as a key."""
    if text and set(text) <= _AS_IT_IS and text[0].isalpha() and text.lower() not in ("null", "true", "false"):
        return text
    return "".join(one if one.isprintable() else f"\\u{ord(one):04x}" for one in json.dumps(text, ensure_ascii=False))
