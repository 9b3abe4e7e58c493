"""What the HIS answered.

Holds: `usual_acceptance` for the answer that nearly every try gets, `read_acknowledgement` for what else it may get,
`read_later_answer` for what no try waits for: a small lexer for HL7 acknowledgements (MSH, MSA, ERR; HL7 2.5.1
chapter 2.9 and 2.15), which splits by their own delimiters.
Promises: what `usual_acceptance` reads, the others read as the same. MSA-2 comes out exactly as it was sent; any
payload gives an `Acknowledgement` or `Unreadable`. Any message that carries one MSA counts (some systems answer
ORU^R01 with ORU^R02 or ADR).
Never: judges a code or compares an id; MSA-3 and ERR texts may hold patient data, so they go to
the journal and to the operator who asks, never into an error text.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lab_sender.errors import LabSenderError

CODES = frozenset(("AA", "AE", "AR", "CA", "CE", "CR"))
"""HL7 table 0008 as lab-sender knows it."""
ACCEPTED = frozenset(("AA", "CA"))
"""Those of them that accept, where no rule of the site says else."""

_SEGMENT_END = re.compile("[\r\n]+")
_ESCAPES = {"F": 0, "S": 1, "R": 2, "E": 3, "T": 4}
_LOOKS_LIKE_A_CODE = re.compile(r"\d{1,3}|[A-Za-z]{1,6}[-_.]?\d{1,5}")
_SEVERITIES = ("I", "W", "E", "F")
_USUAL = re.compile(rb"\x0bMSH\|\^~\\&\|[ -~]*\rMSA\|AA\|([ -{}~]+)\|?\r?\x1c\r").fullmatch
"""A whole frame: MSH with the usual delimiters, MSA with AA and an id, and nothing else; all of it ASCII."""


class Unreadable(LabSenderError):
    """The frame is whole, but it is no acknowledgement: `ack.empty`, `ack.not-hl7`, `ack.no-msa`,
    `ack.several-msa`, `ack.unknown-code`."""


class Acknowledgement(NamedTuple):
    """One MSA with what stands around it.

    `text` is MSA-3. `error_codes` are ERR-3.1 and ERR-1.4 (before 2.5) of every ERR, then MSA-6.1, each once;
    `application_codes` are ERR-5.1; `locations` are ERR-2 and ERR-1.1 to 1.3 (before 2.5) as they stand.
    `error_text` joins ERR-8, ERR-7, ERR-3.2, ERR-5.2 and MSA-6.2. `severity` is the worst ERR-4 (F, E, W, I)
    or "".
    """

    code: str
    control_id: str
    text: str
    error_codes: tuple[str, ...]
    application_codes: tuple[str, ...]
    locations: tuple[str, ...]
    error_text: str
    severity: str
    raw: bytes


def usual_acceptance(data: bytes) -> Acknowledgement | None:
    """Read bytes that are one frame with nothing but an AA and its id; None for whatever else they are."""
    found = _USUAL(data)
    return None if found is None else Acknowledgement("AA", found[1].decode(), "", (), (), (), "", "", data[1:-2])


def read_acknowledgement(payload: bytes) -> Acknowledgement:
    """Read one unframed answer; raise Unreadable if it holds no single usable MSA."""
    segments, separator = _segments(payload)
    msas = _of(segments, "MSA", separator)
    if len(msas) > 1:
        raise Unreadable("ack.several-msa", "the answer has several MSA segments; it must answer one message")
    code = _code(msas[0])
    if code not in CODES:
        raise Unreadable("ack.unknown-code", f"MSA-1 of the answer is {code}, which is no code of table 0008")
    return _acknowledgement(code, msas[0], _of(segments, "ERR", separator), segments[0], payload)


def read_later_answer(payload: bytes) -> tuple[Acknowledgement, ...]:
    """Read an unframed answer that no try waits for: each MSA in it for itself.

    A code that table 0008 lacks is kept, for whoever judges it; ERR segments are those of an only MSA. Raises
    Unreadable if there is no MSA.
    """
    segments, separator = _segments(payload)
    msas = _of(segments, "MSA", separator)
    errors = _of(segments, "ERR", separator) if len(msas) == 1 else []
    return tuple([_acknowledgement(_code(msa), msa, errors, segments[0], payload) for msa in msas])


def error_codes(ack: Acknowledgement) -> tuple[str, ...]:
    """Return the error codes of an answer that look like codes; anything else may be the HIS's own words."""
    return tuple([code for code in ack.error_codes if _LOOKS_LIKE_A_CODE.fullmatch(code)])


def _segments(payload: bytes) -> tuple[list[str], str]:
    """Cut an answer at the ends of its segments; also its field separator. One of them at least is an MSA."""
    try:
        text = payload.decode("utf-8")
    except UnicodeDecodeError:
        text = payload.decode("latin-1")
    if text[:3] != "MSH":
        text = text.lstrip("\ufeff\r\n \t")
        if not text:
            raise Unreadable("ack.empty", "the peer answers an empty frame")
        if text[:3] != "MSH":
            what = "XML" if text[0] == "<" else "an HTTP answer" if text[:5] == "HTTP/" else "no HL7 message"
            raise Unreadable("ack.not-hl7", f"the answer's frame holds {what}, not an acknowledgement")
    separator = text[3:4]
    if not separator or separator.isalnum() or separator in "\r\n":
        raise Unreadable("ack.not-hl7", "MSH-1 of the answer is no delimiter")
    segments = text.split("\r") if "\n" not in text else _SEGMENT_END.split(text)
    if not any(segment.startswith(f"MSA{separator}") for segment in segments):
        raise Unreadable("ack.no-msa", "the answer is HL7 but has no MSA segment")
    return segments, separator


def _of(segments: list[str], name: str, separator: str) -> list[list[str]]:
    start = name + separator
    return [segment.split(separator) for segment in segments if segment.startswith(start)]


def _code(msa: list[str]) -> str:
    """Return MSA-1, or a word for it where it looks like no code at all."""
    code = msa[1].strip()
    if code in CODES:
        return code
    return code if re.fullmatch("[A-Z0-9]{1,4}", code) else "unprintable" if code else "empty"


def _acknowledgement(code: str, msa: list[str], errors: list[list[str]], msh: str, payload: bytes) -> Acknowledgement:
    control_id = msa[2] if len(msa) > 2 else ""
    if len(msa) < 4 and not errors:
        return Acknowledgement(code, control_id, "", (), (), (), "", "", payload)
    return _with_errors(code, control_id, msa, errors, _Delimiters(msh), payload)


class _Delimiters:
    """The answer's own MSH-1 and MSH-2, with HL7's usual characters where MSH-2 is short."""

    def __init__(self, msh: str) -> None:
        own = msh[4:].split(msh[3], 1)[0]
        own = own[:4] + "^~\\&"[len(own[:4]) :]
        self.component, self.repetition, self.subcomponent = own[0], own[1], own[3]
        self._plain = msh[3] + own
        escape = own[2]
        self._escape = re.compile(f"{re.escape(escape)}([FSRET]){re.escape(escape)}")

    def text(self, value: str) -> str:
        """Undo the escapes of the five delimiters; leave every other escape as it stands."""
        return self._escape.sub(lambda found: self._plain[_ESCAPES[found[1]]], value)

    def coded(self, value: str) -> tuple[str, str]:
        """Split a CE/CWE into code and text."""
        code, _, rest = value.partition(self.component)
        return self.text(code), self.text(rest.partition(self.component)[0])


def _with_errors(
    code: str, control_id: str, msa: list[str], errors: list[list[str]], d: _Delimiters, raw: bytes
) -> Acknowledgement:
    codes: list[str] = []
    application: list[str] = []
    places: list[str] = []
    texts: list[str] = []
    severity = -1
    for err in errors:
        field = dict(enumerate(err)).get
        hl7_code, hl7_text = d.coded(field(3, ""))
        own_code, own_text = d.coded(field(5, ""))
        codes.append(hl7_code)
        application.append(own_code)
        places += field(2, "").split(d.repetition)
        texts += [d.text(field(8, "")), d.text(field(7, "")), hl7_text, own_text]
        if field(4, "") in _SEVERITIES:
            severity = max(severity, _SEVERITIES.index(field(4, "")))
        for old in field(1, "").split(d.repetition):  # before 2.5: segment^sequence^field^code&text, repeating
            parts = old.split(d.component, 3)
            places.append(d.component.join(parts[:3]).rstrip(d.component))
            if len(parts) == 4:
                old_code, _, old_text = parts[3].partition(d.subcomponent)
                codes.append(d.text(old_code))
                texts.append(d.text(old_text.partition(d.subcomponent)[0]))
    msa_code, msa_text = d.coded(msa[6] if len(msa) > 6 else "")
    return Acknowledgement(
        code=code,
        control_id=control_id,
        text=d.text(msa[3]) if len(msa) > 3 else "",
        error_codes=_each_once([*codes, msa_code]),
        application_codes=_each_once(application),
        locations=_each_once(places),
        error_text="; ".join(_each_once([*texts, msa_text])),
        severity=_SEVERITIES[severity] if severity >= 0 else "",
        raw=raw,
    )


def _each_once(values: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for value in values if value))
