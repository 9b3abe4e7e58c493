"""What every request passes before anything else looks at it, and what every answer carries.

Holds: the ASGI middleware `Guard`: Host, the proxy in front, the size and pace of a body, headers of answers.
Promises: a request for a host that is not ours, or by others than the proxy where only it may come, reaches nothing.
Every answer, an error's too, forbids foreign scripts, frames, caches and referrers.
Never: knows who asks.
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import re
from typing import Any, Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lab_sender.config.web import Web, is_local
from lab_sender.errors import ExitCode, LabSenderError

LARGEST_FORM: Final = 256 << 10
RESULTS: Final = "/api/v1/results"
"""The one path on which a body may be as large as a result."""
_NO_NUMBER: Final = re.compile(r"/[0-9]{19}")
"""What stands in an address and has more digits than any number of ours; SQLite has none so large."""
_SLOWEST_S: Final = 30.0
"""A body has come whole by then; a larger one has a second more for each 64 KiB."""
_CSP: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self';"
    " form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS: Final = (
    (b"content-security-policy", _CSP.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), geolocation=(), microphone=()"),
)
"""`same-origin`, not `no-referrer`: with that a browser says `Origin: null` of our own forms."""
_NOT_KEPT: Final = (b"cache-control", b"no-store")


class TooLarge(LabSenderError):
    """A body is larger than it may be."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("request.too-large", "the request is larger than it may be.")


class TooSlow(LabSenderError):
    """A body did not come in time."""

    exit_code = ExitCode.USAGE

    def __init__(self) -> None:
        super().__init__("request.too-slow", "the request did not come in time.")


class NoSuchPage(LabSenderError):
    """There is nothing at this address."""

    def __init__(self) -> None:
        super().__init__("request.path", "there is no such page.")


def plain(status: int, error: LabSenderError) -> PlainTextResponse:
    """Answer an error to whoever may be no browser of ours, in one line."""
    return PlainTextResponse(f"{error}\n", status)


class Guard:
    """Lets in what may come in."""

    def __init__(self, app: ASGIApp, web: Web, *, largest: int) -> None:
        """`largest` is how large a result may be that is submitted."""
        self._app = app
        self._web = web
        self._largest = largest
        self._networks = [ipaddress.ip_network(each) for each in web.proxy.trusted] if web.proxy else []
        self._hosts = _hosts(web)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = dict[str, str]()
        for key, value in scope["headers"]:  # what stands there twice is one list, as HTTP has it
            name, text = key.decode("latin-1"), value.decode("latin-1")
            headers[name] = f"{headers[name]}, {text}" if name in headers else text
        state = scope.setdefault("state", {})
        state["address"], by_proxy = self._address(scope, headers)
        state["by_proxy"] = by_proxy and self._knows_secret(headers)
        forwarded = by_proxy and headers.get("x-forwarded-proto", "").lower() == "https"
        state["is_secure"] = scope["scheme"] == "https" or forwarded
        kept = scope["path"].startswith("/static/")

        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [*_HEADERS, *(() if kept else (_NOT_KEPT,))]
                if state["is_secure"]:
                    own.append((b"strict-transport-security", b"max-age=31536000"))
                names = {name for name, _ in own}
                message["headers"] = [each for each in message.get("headers", []) if each[0] not in names] + own
            await send(message)

        rejected = self._rejected(headers, by_proxy, state["address"])
        if "content-length" in headers and "transfer-encoding" in headers:  # a proxy may see its end elsewhere
            rejected = plain(400, LabSenderError("request.body", "the request has two lengths."))
            rejected.headers["connection"] = "close"
        if rejected is None and _NO_NUMBER.search(scope["path"]):
            rejected = plain(404, NoSuchPage())
        if rejected is not None:
            await rejected(scope, receive, answer)
            return
        largest = self._largest if scope["path"] == RESULTS else LARGEST_FORM
        try:
            declared = int(headers.get("content-length", "0"))
        except ValueError:
            declared = largest + 1
        if declared > largest:
            await plain(413, TooLarge())(scope, receive, answer)
            return
        await self._app(scope, _bounded(receive, largest), answer)

    def _address(self, scope: Scope, headers: dict[str, str]) -> tuple[str, bool]:
        """Return whose request it is, and whether the trusted proxy brought it."""
        address = _plain((scope.get("client") or ("", 0))[0]) or ""
        if not self._is_trusted(address):
            return address, False
        for each in reversed(headers.get("x-forwarded-for", "").split(",")):
            said = _plain(each.strip())
            if said is None:  # what stands before something that is no address may be anybody's word
                return address, True
            if not self._is_trusted(said):
                return said, True
        return address, True

    def _is_trusted(self, address: str) -> bool:
        try:
            return any(ipaddress.ip_address(address) in each for each in self._networks)
        except ValueError:
            return False

    def _knows_secret(self, headers: dict[str, str]) -> bool:
        secret = self._web.proxy.secret if self._web.proxy else None
        given = headers.get("x-proxy-secret", "")
        return secret is None or hmac.compare_digest(secret.get_secret_value().encode(), given.encode("latin-1"))

    def _rejected(self, headers: dict[str, str], by_proxy: bool, address: str) -> PlainTextResponse | None:
        if headers.get("host", "").lower() not in self._hosts:
            hint = "Write the name under web.names, if it is yours."
            return plain(403, LabSenderError("request.host", "this page is not called by that name.", hint=hint))
        behind_proxy = self._web.proxy is not None and not self._web.tls and not is_local(self._web.listen)
        if behind_proxy and not by_proxy and not _is_here(address) and not self._web.plaintext:
            hint = "The proxy's address stands in web.proxy.trusted."
            return plain(403, LabSenderError("request.proxy", "come by the proxy.", hint=hint))
        return None


def _plain(text: str) -> str | None:
    """Return an address without port, brackets and zone, and as IPv4 where it is one; None where it is none.

    IIS writes `10.1.2.3:50123` and `[2001:db8::1]:50123`; a socket that takes both kinds says `::ffff:10.1.2.3`.
    """
    if found := re.fullmatch(r"\[(.+)\](?::\d+)?|(\d+\.\d+\.\d+\.\d+):\d+", text):
        text = found[1] or found[2]
    try:
        address = ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return str(getattr(address, "ipv4_mapped", None) or address)


def _hosts(web: Web) -> frozenset[str]:
    """Return what a request may call us, with and without the port."""
    address = web.address
    if address is None:
        return frozenset()
    host, port = address
    names = {"localhost", "127.0.0.1", "[::1]", f"[{ipaddress.ip_address(host)}]" if ":" in host else host.lower()}
    return frozenset(
        [each.lower() for each in web.names]
        + [f"{name}{end}" for name in (*names, *(each.lower() for each in web.names)) for end in ("", f":{port}")]
    )


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _bounded(receive: Receive, largest: int) -> Receive:
    """Return what reads a body that may have so many bytes, and must not be slow."""
    loop = asyncio.get_running_loop()
    ends, count, done = loop.time() + _SLOWEST_S, 0, False

    async def bounded() -> Message:
        nonlocal count, done
        if done:  # it waits for the end of the connection
            return await receive()
        try:
            message: dict[str, Any] = dict(
                await asyncio.wait_for(receive(), max(0.0, ends + count / 65_536 - loop.time()))
            )
        except TimeoutError:
            raise TooSlow from None
        if message["type"] == "http.request":
            count += len(message.get("body", b""))
            done = not message.get("more_body", False)
            if count > largest:
                raise TooLarge
        return message

    return bounded
