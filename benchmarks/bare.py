"""The limit: a bare socket loop, one exchange in flight, both ends on different cores. No framing, journal or files."""

from __future__ import annotations

import rig


def main() -> None:
    """Measure three times and print."""
    options = rig.arguments(__doc__ or "").parse_args()
    frame = b"\x0b" + rig.ready_message(1) + b"\x1c\r"
    rates = [rig.bare_loop(frame) for _ in range(3)]
    figures = {"exchanges a second, median of 3": sorted(rates)[1], "lowest": min(rates), "highest": max(rates)}
    rig.show("bare socket loop", figures, as_json=options.json)


if __name__ == "__main__":
    main()
