"""What the worst inputs cost: CPU time and memory of reading, for files that grow four times at each step.

`python benchmarks/worst_inputs.py [--sizes 1,4,16] [--only hl7]`, on Linux. Each input of each reader is read in a
process of its own, with the memory that the agent gives its helper; answers pass the frame reader and the
acknowledgement's. Prints seconds, and the peak of memory as a multiple of the size; "grows" is the time of the last
size over that of the one before, per byte: 1.0 is linear. Ends with 1 where something grows faster than 1.6.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable

from lab_sender.errors import FileError, LabSenderError
from lab_sender.intake.helper import MEMORY_BYTES
from lab_sender.mllp.acknowledgement import read_acknowledgement
from lab_sender.mllp.framing import Frame, FrameReader
from lab_sender.patterns import Pattern
from lab_sender.readers import Inputs, PdfInput, read

_HEAD = b"MSH|^~\\&|L||H||20260101||ORU^R01|1|P|2.5.1\rPID|1||1\rOBR|1||F|T\rOBX|1|NM|K||1\r"
_TABLE = b"patient_id,accession,code,value,unit\n"
_ASTM = b"H|\\^&|||X|||||||P|1\rP|1|1\rO|1|S||^^^K\r"
_BUNDLE = b'{"resourceType":"Bundle","type":"collection","entry":['
_ACK = b"MSH|^~\\&|H||L||20260101||ACK|9|P|2.5.1\rMSA|AE|1|"
_INPUTS = Inputs(pdf=PdfInput(name=Pattern(r"(?P<patient_id>[0-9]+)_(?P<filler>[^_]+)\.pdf")))
_PIECE = 65536
_FASTEST_GROWTH = 1.6


def _filled(head: bytes, unit: bytes, end: bytes = b"") -> Callable[[int], bytes]:
    return lambda size: head + unit * ((size - len(head) - len(end)) // len(unit)) + end


def _counted(head: bytes, line: bytes, end: bytes = b"") -> Callable[[int], bytes]:
    def made(size: int) -> bytes:
        count = size // (len(line) + 8)
        return head + b"".join(line.replace(b"#", b"%d" % number) for number in range(count)) + end

    return made


def _one_test_often(size: int) -> bytes:
    result = b'{"test":{"code":"K"},"value":"1"}'
    results = b",".join([result] * (size // (len(result) + 1)))
    order = b'{"filler":"F","test":{"code":"K"},"results":[' + results + b"]}"
    return b'{"schema":"lab-result/1","patient":{"ids":[{"id":"1"}]},"orders":[' + order + b"]}"


INPUTS: dict[str, Callable[[int], bytes]] = {
    "hl7 frame ends": _filled(_HEAD, b"\x1c", b"X"),
    "hl7 frame ends, lines": _filled(_HEAD, b"\x1c\r", b"X"),
    "hl7 message heads": _filled(b"", b"MSH|^~\\&|\r"),
    "hl7 broken lines": _filled(_HEAD, b"x\r"),
    "hl7 orders of a message": _filled(_HEAD, b"OBR|1||F|T\r"),
    "csv ragged rows": _filled(_TABLE, b"1\n"),
    "csv bad rows": _filled(_TABLE, b"1,2,,4,5\n"),
    "csv one order": _filled(_TABLE, b"1,A,K,4,m\n"),
    "csv an order a row": _counted(_TABLE, b"1,A#,K,4,m\n"),
    "json empty reports": _filled(b"[", b"{},", b"{}]"),
    "json one test often": _one_test_often,
    "json bad results": _filled(b'{"orders":[{"results":[', b'{"x":1},', b"{}]}]}"),
    "json keys": _counted(b"{", b'"k#":1,', b'"z":1}'),
    "ndjson bad lines": _filled(b"", b'{"a":1}\n'),
    "ndjson cut lines": _filled(b'{"a":1}\n', b"{\n"),
    "fhir entries": _filled(_BUNDLE, b'{"resource":{"resourceType":"Observation"}},', b"{}]}"),
    "fhir reports": _counted(
        _BUNDLE,
        b'{"resource":{"resourceType":"DiagnosticReport","id":"#","status":"final","code":{"text":"x"},'
        b'"subject":{"reference":"Patient/1"}}},',
        b'{"resource":{"resourceType":"Patient","id":"1"}}]}',
    ),
    "astm results": _filled(_ASTM, b"R|1|^^^K|1\r", b"L|1\r"),
    "astm bad records": _filled(_ASTM, b"x\r"),
    "astm frame starts": _filled(_ASTM, b"\x02"),
    "pdf with a long name": _filled(b"%PDF-1.4\n", b"x", b"%%EOF"),
    "answer, text": _filled(b"\x0b" + _ACK, b"message at ca.uhn.hl7v2.HL7Exception ", b"\r\x1c\r"),
    "answer, frame starts": _filled(b"", b"\x0b"),
    "answer, errors": _filled(b"\x0b" + _ACK + b"\r", b"ERR|||205|E\r", b"\x1c\r"),
    "answer, fields": _filled(b"\x0b" + _ACK, b"|", b"\r\x1c\r"),
}


def _cost(name: str, data: bytes) -> tuple[float, float, str]:
    """Return seconds of CPU, the peak of memory over the file's size, and what came out; measured in a child."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        unlimited = resource.getrlimit(resource.RLIMIT_AS)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, unlimited[1]))
        before = resource.getrusage(resource.RUSAGE_SELF)
        try:
            said = _answered(data) if name.startswith("answer") else _read(data, "7_" * 120 + ".pdf")
        except MemoryError:
            said = "refused: memory"
        resource.setrlimit(resource.RLIMIT_AS, unlimited)  # telling the parent takes memory too
        after = resource.getrusage(resource.RUSAGE_SELF)
        times = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        peak = (after.ru_maxrss - before.ru_maxrss) * 1024 / len(data)
        os.write(writer, json.dumps([times, peak, said]).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        told = pipe.read()
    os.waitpid(child, 0)
    seconds, peak, said = json.loads(told) if told else (0.0, 0.0, "refused: the process ended")
    return seconds, peak, said


def _read(data: bytes, name: str) -> str:
    try:
        reading = read(data, name, _INPUTS)
    except FileError as error:
        return error.code
    return f"{len(reading.items)} items"


def _answered(data: bytes) -> str:
    frames = FrameReader()
    for start in range(0, len(data), _PIECE):
        for event in frames.feed(data[start : start + _PIECE]):
            if not isinstance(event, Frame):
                return event.code
            try:
                return read_acknowledgement(event.payload).code
            except LabSenderError as error:
                return error.code
    return "waits"


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="1,4,16", help="MiB, ascending")
    parser.add_argument("--only", default="", help="inputs whose name begins so")
    options = parser.parse_args()
    sizes = [float(size) for size in options.sizes.split(",")]
    read(b'{"schema":"lab-result/1"}')
    print(f"{'input':26}" + "".join(f"{f'{size:g} MiB':>10}{'memory':>8}" for size in sizes) + "   grows  becomes")
    worst = 0.0
    for name, make in INPUTS.items():
        if not name.startswith(options.only):
            continue
        line, costs, said = "", list[float](), ""
        for size in sizes:
            seconds, peak, said = _cost(name, make(int(size * (1 << 20))))
            line += f"{seconds:8.2f} s{peak:7.0f}x"
            if not said.startswith("refused"):
                costs.append(seconds / size)
        grows = costs[-1] / costs[-2] if len(costs) > 1 and costs[-2] * sizes[-2] > 0.05 else 1.0
        worst = max(worst, grows)
        print(f"{name:26}{line}{grows:8.1f}  {said}", flush=True)
    return 1 if worst > _FASTEST_GROWTH else 0


if __name__ == "__main__":
    sys.exit(main())
