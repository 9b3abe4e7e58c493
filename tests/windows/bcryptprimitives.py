"""Write bcryptprimitives.dll for Wine 8, which lacks it: Rust's wheels ask it for random bytes.

One export, ProcessPrng, is forwarded to advapi32.SystemFunction036 (RtlGenRandom).
"""

from __future__ import annotations

import struct
import sys
from pathlib import Path

_AT = 0x1000
"""Where the one section is, in memory."""


def dll(name: bytes, export: bytes, target: bytes) -> bytes:
    """Return a DLL of one kilobyte with one export, which is another DLL's."""
    strings = [name + b"\0", export + b"\0", target + b"\0"]
    at = _AT + 40 + 4 + 4 + 2
    places = []
    for each in strings:
        places.append(at)
        at += len(each)
    directory = struct.pack("<IIHHIIIIIII", 0, 0, 0, 0, places[0], 1, 1, 1, _AT + 40, _AT + 44, _AT + 48)
    edata = directory + struct.pack("<IIH", places[2], places[1], 0) + b"".join(strings)
    dos = b"MZ".ljust(0x3C, b"\0") + struct.pack("<I", 0x40)
    coff = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 240, 0x2022)
    optional = struct.pack("<HBBIIIII", 0x20B, 14, 0, 0, 0x200, 0, 0, _AT)
    optional += struct.pack(
        "<QIIHHHHHHIIIIHH", 0x180000000, 0x1000, 0x200, 6, 0, 0, 0, 6, 0, 0, 0x2000, 0x200, 0, 2, 0x100
    )
    optional += struct.pack("<QQQQII", 0x100000, 0x1000, 0x100000, 0x1000, 0, 16)
    optional += struct.pack("<II", _AT, len(edata)) + bytes(15 * 8)
    section = b".edata\0\0" + struct.pack("<IIIIIIHHI", len(edata), _AT, 0x200, 0x200, 0, 0, 0, 0, 0x40000040)
    return (dos + coff + optional + section).ljust(0x200, b"\0") + edata.ljust(0x200, b"\0")


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(dll(b"bcryptprimitives.dll", b"ProcessPrng", b"advapi32.SystemFunction036"))
