"""A browser without JavaScript on the page of a real process: it keeps cookies, and sends the token of the form.

Holds: `Visitor`; `add_account`, by the command.
"""

from __future__ import annotations

import http.cookiejar
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PASSWORD = "a horse walks home"


def add_account(config: Path, name: str, *options: str) -> None:
    """Add an account, as whoever has the machine does."""
    command = [sys.executable, "-m", "lab_sender", "--config", str(config), "user", "add", name, *options]
    subprocess.run([*command, "--password-stdin"], input=PASSWORD.encode(), capture_output=True, check=True)


class Visitor:
    """Somebody who looks at the page of one port."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        cookies = urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar())
        self._opener = urllib.request.build_opener(cookies)

    def get(self, path: str, form: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask for a screen, or send a form; returns the status and the text. Raises OSError: no answer."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        try:
            with self._opener.open(f"{self.url}{path}", data, timeout=30) as answer:
                asks_for_a_login = "/login" in answer.url and not path.startswith("/login")
                return (401 if asks_for_a_login else answer.status), answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def submit(self, path: str, page: str = "/", **fields: str) -> str:
        """Send a form of a page; returns the screen that follows."""
        (token, *_) = re.findall(r'name="token" value="(\w+)"', self.get(page)[1])
        status, text = self.get(path, {"token": token, **fields})
        assert status == 200, (path, status)
        return text

    def log_in(self, name: str) -> None:
        """Log in by the form."""
        assert "Log out" in self.submit("/login", "/login", name=name, password=PASSWORD)

    def screens(self) -> list[str]:
        """Return where the head of the page leads."""
        head = self.get("/")[1].partition("<nav")[2].partition("</nav")[0]
        return ["/", *dict.fromkeys(re.findall(r'<a href="(/[^"]+)"', head))]

    def is_answered(self) -> bool:
        """Say whether the page's process answers."""
        try:
            return self.get("/livez")[0] == 200
        except OSError:
            return False
