"""A message, short timeouts, and links that are closed after the test."""

import select
from collections.abc import Callable, Iterator

import pytest
from kit.settings import his_at

from lab_sender.config.sections import Tls
from lab_sender.mllp import Link

SECRET = "ZEBRAPATIENT"


def message(control_id: str = "M1", *, extra: bytes = b"") -> bytes:
    """A small ORU with a patient name that no error text may repeat."""
    head = f"MSH|^~\\&|LAB|LF|HIS|HF|20261122101500||ORU^R01^ORU_R01|{control_id}|P|2.5.1\r"
    return head.encode() + b"PID|1||4711||" + SECRET.encode() + b"^ANNA\r" + extra


def until_readable(link: Link) -> None:
    """Wait until what the peer did has reached our socket."""
    connection = link._connection
    assert connection is not None
    assert select.select([connection._socket], [], [], 10)[0]


@pytest.fixture
def connect() -> Iterator[Callable[..., Link]]:
    """Make links to loopback ports."""
    links = []

    def to(
        port: int,
        *,
        host: str = "127.0.0.1",
        tls: Tls | None = None,
        ack_s: float = 10.0,
        application_s: float = 10.0,
        connect_s: float = 10.0,
    ) -> Link:
        """A host that is another machine is not refused here, as the configuration would."""
        his = his_at(
            port, tls=tls, connect_timeout_s=connect_s, ack_timeout_s=ack_s, application_ack_timeout_s=application_s
        )
        link = Link(his.model_copy(update={"hosts": (host,)}))
        links.append(link)
        return link

    yield to
    for link in links:
        link.close()


@pytest.fixture(name="message")
def _message() -> Callable[..., bytes]:
    return message


@pytest.fixture(name="until_readable")
def _until_readable() -> Callable[[Link], None]:
    return until_readable


@pytest.fixture(name="secret")
def _secret() -> str:
    return SECRET
