"""The alerts of machines that share a journal: one of them sends, and knows what each has found.

Holds: `AlertsOfSeveral`, the loop of one machine's page; what a machine tells the others (`Told`).
Promises: each machine tells what is wrong with it alone; whoever has the lease sends that, by its name, and what all
share. A transaction of his shows that the lease still is his, and each text is looked up once more before it goes
out. Who takes over goes on with what was known and sent. A machine that does not reach the database says that of
itself, whoever sends: nobody else may be able to.
Never: sends for others without the lease, or keeps on this machine what all are to know.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from lab_sender.journal import Fence, now_ms
from lab_sender.journal.leases import NOW_MS
from lab_sender.log import say
from lab_sender.operations.alerts import service
from lab_sender.operations.alerts.book import Act, Book, Waiting, Write, code_of
from lab_sender.operations.alerts.lease import AlertLease
from lab_sender.operations.alerts.machine import Key, State
from lab_sender.operations.alerts.notify import Outcome, send
from lab_sender.operations.alerts.service import AlertService, Look, unseen
from lab_sender.operations.conditions import NODE_GONE_S, Condition
from lab_sender.operations.records import Connection
from lab_sender.operations.threads import in_thread

if TYPE_CHECKING:
    from lab_sender.config.alerts import Alerts, Channel
    from lab_sender.config.server import Server
    from lab_sender.operations.alerts.book import Text
    from lab_sender.operations.installation import Installation
    from lab_sender.operations.records_on_server import RecordsOnServer

_TELL: Final = (
    f"INSERT INTO machine (node, conditions, told_ms) VALUES (:node, :conditions, {NOW_MS})"
    " ON CONFLICT (node) DO UPDATE SET conditions = excluded.conditions, told_ms = excluded.told_ms"
)
_TOLD: Final = f"SELECT conditions FROM machine WHERE node <> :node AND told_ms > {NOW_MS} - :gone_ms ORDER BY node"


class Told:
    """What machines tell each other of what is wrong with each of them alone."""

    def __init__(self, records: RecordsOnServer, node: str) -> None:
        self._records = records
        self._node = node

    def tell(self, conditions: Sequence[Condition]) -> None:
        """Let the others know of this machine's own. Raises RecordsUnavailable or RecordsDamaged."""
        own = msgspec.json.encode([each for each in conditions if each.node == self._node]).decode()
        with self._records.transaction() as db:
            db.execute(_TELL, {"node": self._node, "conditions": own})

    def others(self) -> list[Condition]:
        """Return what others have told last, however long ago: what is away has not healed.

        Raises RecordsUnavailable or RecordsDamaged.
        """
        rows = self._records.rows(_TOLD, {"node": self._node, "gone_ms": round(NODE_GONE_S * 1000)})
        return [each for (text,) in rows for each in msgspec.json.decode(text, type=list[Condition])]


class AlertsOfSeveral:
    """The alerts, as one machine's page has them; `run` is its thread."""

    def __init__(
        self,
        installation: Installation,
        server: Server,
        records: RecordsOnServer,
        *,
        look: Look,
        settings: Callable[[], Alerts],
        clock_ms: Callable[[], int] = now_ms,
        sends: Callable[[Channel, Text], Outcome] = send,
    ) -> None:
        """Raises AgentError where what speaks to PostgreSQL is not installed."""
        self._installation = installation
        self._records = records
        self._node = server.node
        self._told = Told(records, server.node)
        self._lease = AlertLease(server)
        self._look = look
        self._settings = settings
        self._more: Mapping[str, Any] = {"settings": settings, "clock_ms": clock_ms, "sends": sends}
        self._seen: Sequence[Condition] | Exception = ()
        self._trouble: Exception | None = None
        self._fence: Fence | None = None
        self._sending: AlertService | None = None
        self._alone = self._service(self._cut_off, book=Unkept)
        self._stopping = threading.Event()

    @property
    def has_channels(self) -> bool:
        """Say whether there is anybody to send to."""
        return bool(self._settings().channels)

    def run(self) -> None:
        """Look, tell, and send where that is ours, until stopped."""
        self._alone.begin()
        with in_thread("alerts lease", self._lease):
            try:
                while not self._stopping.is_set():
                    self.turn()
                    self._lease.wait(service.EVERY_S)
            finally:
                self._use(None)
                self._alone.end()

    def stop(self) -> None:
        """End soon; may be asked again."""
        self._stopping.set()
        self._lease.ring()

    def turn(self) -> None:
        """Look once. Raises nothing."""
        settings = self._settings()
        self._seen = self._looked()
        try:
            self._told.tell([unseen(self._seen, self._node)] if isinstance(self._seen, Exception) else self._seen)
            self._lease.want(bool(settings.channels) or settings.heartbeat is not None)
            self._send()
            self._trouble = None
        except Exception as error:
            if self._trouble is None:
                say(logging.ERROR, "alerts.not-kept", code=code_of(error))
            self._trouble = error
        self._alone.turn()

    def _send(self) -> None:
        """Send what is to go out now, if the alerts are ours."""
        fence = self._lease.fence()
        if fence is not self._fence:
            self._use(fence)
        if self._sending is not None:
            self._sending.turn()

    def _looked(self) -> Sequence[Condition] | Exception:
        try:
            return self._look()
        except Exception as error:
            return error

    def _use(self, fence: Fence | None) -> None:
        """Begin to send by a lease, or end: what waits is sent by whoever has it next."""
        if self._sending is not None:
            self._sending.end()
            self._sending = None
        self._fence = fence
        if fence is None:
            return
        fenced = Fenced(self._records, fence)
        self._sending = self._service(
            self._seen_here, also=self._told.others, book=lambda: Book(self._records, fenced), must_keep=True
        )
        self._sending.begin()

    def _service(self, look: Look, **more: Any) -> AlertService:
        return AlertService(self._installation, look=look, node=self._node, **more, **self._more)

    def _seen_here(self) -> Sequence[Condition]:
        if isinstance(self._seen, Exception):
            raise self._seen
        return self._seen

    def _cut_off(self) -> Sequence[Condition]:
        return [unseen(self._trouble, self._node)] if self._trouble is not None else ()


class Fenced:
    """What writes for whoever has the lease: its transactions are made while it is his."""

    def __init__(self, records: RecordsOnServer, fence: Fence) -> None:
        self._records = records
        self._fence = fence

    @contextlib.contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Run a transaction. Raises LeaseLost."""
        with self._records.transaction(self._fence) as db:
            yield db


class Unkept:
    """What a machine that reaches no database knows of its own alerts: in its memory, until it ends."""

    def __init__(self) -> None:
        self._state = State()

    def turn(self, act: Act, write: Write) -> tuple[State, list[Waiting]]:
        """Take what is known one step on."""
        self._state, notices = act(self._state)
        ids: dict[Key, int] = {}
        return self._state, [Waiting(0, each) for each in write(notices, ids)]

    def waiting(self, _channel: str) -> list[Waiting]:
        """Return nothing: what waits is with the channel."""
        return []

    def going(self, _channel: str, ids: Sequence[int]) -> Sequence[int]:
        """Return all."""
        return ids

    def sent(self, _channel: str, _ids: Sequence[int], _now_ms: int) -> None:
        """Note nothing."""

    def failed(self, _channel: str, _ids: Sequence[int], _failure: str, _now_ms: int, *, for_good: bool) -> None:
        """Note nothing."""
