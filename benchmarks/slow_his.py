"""A HIS that takes its time: how much the agent adds to each message while files wait."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import rig


def added_ms(answer_s: float, files: int, folder: Path) -> tuple[float, float]:
    """Return the time of one exchange of a bare loop, and of one message of the agent, in ms."""
    with rig.sink_process(files, answer_after_s=answer_s) as (port, _):
        bare_ms = rig.exchanges_ms(port, files)
    with rig.sink_process(files, answer_after_s=answer_s) as (port, sink):
        config = rig.write_config(folder, port)
        rig.write_hl7(folder / "outbox", files)
        with rig.agent_process(config):
            assert sink.stdout is not None
            sink.stdout.readline()
            time.sleep(0.5)  # the last verdict is written, the last file moved
    return bare_ms, rig.span_ms(folder) / (files - 1)


def main() -> None:
    """Measure and print."""
    parser = rig.arguments(__doc__ or "")
    parser.add_argument("--files", type=int, default=300)
    options = parser.parse_args()
    for answer_ms in (5, 50):
        files = options.files if answer_ms == 5 else options.files // 3
        with tempfile.TemporaryDirectory(prefix="lab-sender-bench-") as folder:
            bare_ms, ours_ms = added_ms(answer_ms / 1000, files, Path(folder))
        figures = {"bare ms an exchange": bare_ms, "agent ms a message": ours_ms, "added ms": ours_ms - bare_ms}
        rig.show(f"a HIS that answers after {answer_ms} ms", figures, as_json=options.json)


if __name__ == "__main__":
    main()
