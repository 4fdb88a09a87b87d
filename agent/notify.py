"""Telling systemd how we are (sd_notify(3)): READY, STATUS, WATCHDOG, STOPPING."""

import socket
from collections.abc import Mapping


class Notifier:
    """Sends datagrams to the socket systemd named; says nothing when there is none."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        name = environment.get("NOTIFY_SOCKET", "")
        self._address = "\0" + name[1:] if name.startswith("@") else name
        self.watchdog_s = int(environment.get("WATCHDOG_USEC", "0")) / 1_000_000
        """Silence longer than this gets us killed; 0 when nobody watches."""
        self._status = ""

    def ready(self) -> None:
        """The daemon takes commands now."""
        self._send("READY=1")

    def status(self, text: str) -> None:
        """One line for `systemctl status`; the same line is not sent twice."""
        if text != self._status:
            self._status = text
            self._send(f"STATUS={text}")

    def alive(self) -> None:
        """The loop turns and the journal answers."""
        self._send("WATCHDOG=1")

    def stopping(self) -> None:
        """A clean stop has begun."""
        self._send("STOPPING=1")

    def _send(self, message: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as line:
            line.sendto(message.encode("utf-8"), self._address)
