"""Acts on many that were asked for on the page: what is frozen, what runs, and what came of it.

Holds: `Works`, the lists by their tokens, and `Work`, one of them.
Promises: a list is its account's alone, and is run once however often it is asked for. The audit has the row `asked`
before the first message is touched. Where this process ends meanwhile, what was done is whole, and nothing else is.
Never: outlives the process: what was not begun is to be chosen again.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from typing import Final, Literal

from lab_sender.errors import ExitCode, LabSenderError
from lab_sender.operations import bulk
from lab_sender.operations.audit import Audit
from lab_sender.operations.bulk import Bulk, Frozen
from lab_sender.operations.installation import Installation
from lab_sender.operations.problems import of_bug
from lab_sender.operations.rights_of import Visitor

_MOST: Final = 200
_KEPT_S: Final = 3600.0


class NoWork(LabSenderError):
    """There is no such list; nothing was done."""

    exit_code = ExitCode.USAGE


class Work:
    """One list: ready, running, or ended with `result` or `error`."""

    def __init__(self, frozen: Frozen, owner: str, about: str, back: str) -> None:
        """`about` says what was chosen, in words without a patient; `back` is the page that it was chosen on."""
        self.frozen = frozen
        self.owner = owner
        self.about = about
        self.back = back
        self.made_s = time.monotonic()
        self.why = ""
        self.done = 0
        self.stopping = threading.Event()
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None
        self.result: Bulk | None = None
        self.error: LabSenderError | None = None

    @property
    def state(self) -> Literal["ready", "running", "ended"]:
        """Return `ready`, `running` or `ended`."""
        return "ended" if self.ended.is_set() else "ready" if self.thread is None else "running"


class Works:
    """The lists of one page's process."""

    def __init__(self, audit: Audit) -> None:
        self._audit = audit
        self._works: OrderedDict[str, Work] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, visitor: Visitor, frozen: Frozen, about: str, back: str) -> Work:
        """Keep a list until it is run."""
        work = Work(frozen, visitor.name, about, back)
        with self._lock:
            for token, each in list(self._works.items()):
                old = each.made_s < time.monotonic() - _KEPT_S or len(self._works) >= _MOST
                if old and each.state != "running":
                    del self._works[token]
            self._works[frozen.token] = work
        return work

    def of(self, visitor: Visitor, token: str) -> Work:
        """Return a list of the visitor's. Raises NoWork."""
        with self._lock:
            work = self._works.get(token)
        if work is None or work.owner != visitor.name:
            raise NoWork(
                "bulk.gone", "this list is not kept any more, and nothing was done by it now.",
                hint="Choose again; messages to which it was done already show it in their story.",
            )  # fmt: skip
        return work

    def run(self, visitor: Visitor, token: str, why: str, who: str, installation: Installation) -> Work:
        """Begin to do it, or find it begun already. Raises NoWork, RecordsUnavailable, -Damaged."""
        work = self.of(visitor, token)
        with self._lock:
            if work.thread is not None:
                return work
            work.why = why
            ready = threading.Event()
            work.thread = threading.Thread(
                target=self._done, args=(work, visitor, who, installation, ready), name="bulk", daemon=True
            )
        work.thread.start()
        ready.wait()
        return work

    def _done(
        self, work: Work, visitor: Visitor, who: str, installation: Installation, ready: threading.Event
    ) -> None:
        frozen = work.frozen

        def progress(done: int, _of: int) -> None:
            work.done = done

        try:
            first = frozen.messages[0] if frozen.messages else f"file:{frozen.files[0]}"
            target = str(first) if frozen.count == 1 else f"{frozen.count} from {first}"
            with self._audit.around(visitor, frozen.act, target=target, why=work.why) as detail:
                ready.set()
                work.result = bulk.run(
                    installation, frozen, work.why, who=who, on_progress=progress, stop=work.stopping.is_set
                )
                detail.append(f"list {frozen.token}")
                detail.append(f"done {len(work.result.done)}")
                detail.append(f"rejected {len(work.result.rejected)}")
                detail.append(f"left {len(work.result.left)}")
        except LabSenderError as error:
            work.error = error
        except Exception as error:
            work.error = of_bug(error)
        finally:
            ready.set()
            work.ended.set()
