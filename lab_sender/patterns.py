"""A site's regular expressions.

Holds: `Pattern`, on RE2.
Promises: the time of a search grows with the length of the text and with nothing else, whatever the pattern and
whoever wrote the text. What RE2 does not know (look-around, back-references, possessive repeats, `\\Z`) is refused.
Never: is used for our own patterns, which the tests hold to be linear.
"""

from __future__ import annotations

import re2


class Pattern:
    """A compiled regular expression; `\\d`, `\\w` and `\\b` mean ASCII, `$` the very end."""

    __slots__ = ("_compiled", "ignore_case", "text")

    def __init__(self, text: str, *, ignore_case: bool = False) -> None:
        """Compile `text`; raise ValueError, which says what of it cannot be used."""
        options = re2.Options()
        options.log_errors = False
        options.case_sensitive = not ignore_case
        try:
            self._compiled = re2.compile(text, options)
        except re2.error as error:
            said = error.args[0]
            raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
        except UnicodeEncodeError:
            raise ValueError("not valid text") from None
        self.text = text
        self.ignore_case = ignore_case

    @property
    def groups(self) -> frozenset[str]:
        """The names of its groups."""
        return frozenset(self._compiled.groupindex)

    def found_in(self, text: str) -> bool:
        """Say whether it has a match anywhere in `text`."""
        return self._compiled.search(_encodable(text)) is not None

    def whole(self, text: str) -> dict[str, str] | None:
        """Return the named groups where it matches all of `text` (one that took no part is ""), else None."""
        match = self._compiled.fullmatch(_encodable(text))
        return None if match is None else {name: value or "" for name, value in match.groupdict().items()}

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Pattern) and (self.text, self.ignore_case) == (other.text, other.ignore_case)

    def __hash__(self) -> int:
        return hash((self.text, self.ignore_case))

    def __repr__(self) -> str:
        return f"Pattern({self.text!r}, ignore_case={self.ignore_case})"

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.text, self.ignore_case)


def _made(text: str, ignore_case: bool) -> Pattern:
    return Pattern(text, ignore_case=ignore_case)


def _encodable(text: str) -> str:
    """Replace what a file name that is no UTF-8 has in the place of its bytes."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
