"""Talking to the daemon over its Unix socket, and to its configuration."""

import os
import socket
import sys
from http.client import HTTPConnection, HTTPException, HTTPResponse
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec

from agent.cli.tree import Context
from agent.config import Config, ConfigInvalid, read
from console.speech import EXIT_UNREACHABLE, EXIT_USAGE, Refused, Speech
from wire.problems import ProblemDocument, Refusal

T = TypeVar("T")

ANSWER_S_MAX = 30
REFUSED_FROM = 400
"""HTTP statuses from here on are problem documents."""
"""A daemon that answers later than this is taken for absent."""


def config_of(context: Context) -> Config:
    """Read the configuration; tells everything that is wrong with it and exits with 2."""
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    try:
        return read(context.config_file, keys_dir=Path(credentials) if credentials else None)
    except ConfigInvalid as invalid:
        tell_config(context.speech, invalid)
        raise SystemExit(EXIT_USAGE) from None


def tell_config(speech: Speech, invalid: ConfigInvalid) -> None:
    """Tell everything that is wrong with a configuration, each with line and remedy."""
    speech.tell(speech("error.config-heading", file=invalid.file))
    for error in invalid.errors:
        words = {"line": error.line, "path": error.path or "agent.toml"}
        message, remedy = error.message.pick(speech.lang), error.remedy.pick(speech.lang)
        speech.tell(speech("error.config-line", message=message, remedy=remedy, **words))


class Daemon:
    """One request at a time over the Unix socket. Exits with 3 where nobody answers."""

    def __init__(self, speech: Speech, path: Path) -> None:
        self._speech = speech
        self._path = path

    def get(self, target: str, kind: type[T], timeout_s: float = ANSWER_S_MAX) -> T:
        """Ask, and read the answer as `kind`."""
        return msgspec.json.decode(self._ask("GET", target, None, timeout_s), type=kind)

    def post(self, target: str, body: Any, kind: type[T], timeout_s: float = ANSWER_S_MAX) -> T:
        """Have something done, and read the answer as `kind`."""
        sent = msgspec.json.encode(body)
        return msgspec.json.decode(self._ask("POST", target, sent, timeout_s), type=kind)

    def try_post(self, target: str, body: Any, kind: type[T], timeout_s: float = ANSWER_S_MAX) -> T:
        """Do as `post`, but raise the Refusal of what is refused: others may still be taken."""
        status, content = self._exchange("POST", target, msgspec.json.encode(body), timeout_s)
        if status >= REFUSED_FROM:
            raise Refusal(msgspec.json.decode(content, type=ProblemDocument).code)
        return msgspec.json.decode(content, type=kind)

    def answers(self) -> bool:
        """Tell whether a daemon runs."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            try:
                probe.connect(str(self._path))
            except (FileNotFoundError, ConnectionRefusedError):
                return False
            except PermissionError:
                self._no_permission()
        return True

    def _ask(self, method: str, target: str, body: bytes | None, timeout_s: float) -> bytes:
        status, content = self._exchange(method, target, body, timeout_s)
        if status >= REFUSED_FROM:
            self._speech.fail(msgspec.json.decode(content, type=ProblemDocument))
        return content

    def _exchange(
        self, method: str, target: str, body: bytes | None, timeout_s: float
    ) -> tuple[int, bytes]:
        connection = _UnixConnection(self._path, timeout_s)
        headers: dict[str, str] = {"accept-language": self._speech.lang}
        if body is not None:
            headers["content-type"] = "application/json"
        try:
            connection.request(method, target, body, headers)
            answer: HTTPResponse = connection.getresponse()
            content = answer.read()
        except PermissionError:
            self._no_permission()
        except (OSError, HTTPException):
            absent(self._speech, self._path)
        finally:
            connection.close()
        return answer.status, content

    def _no_permission(self) -> NoReturn:
        no_permission(self._speech, self._path)


def daemon_of(context: Context) -> Daemon:
    """Return the link to the daemon that the configuration names."""
    return Daemon(context.speech, config_of(context).api.socket)


def absent(speech: Speech, path: Path) -> NoReturn:
    """Tell that no daemon answers, and exit with 3."""
    if speech.as_json:
        speech.print_json(Refused(Refusal("daemon-absent", str(path)).document(speech.lang)))
    speech.tell(speech("submit.absent", socket=path))
    raise SystemExit(EXIT_UNREACHABLE)


def no_permission(speech: Speech, path: Path) -> NoReturn:
    """Tell that the socket may not be opened, and exit with 2."""
    speech.tell(speech("error.no-permission", path=path))
    raise SystemExit(EXIT_USAGE)


def read_secret(value: str) -> str:
    """Return a PIN given as an option, or, for `-`, the first line of stdin."""
    return sys.stdin.readline().rstrip("\r\n") if value == "-" else value


class _UnixConnection(HTTPConnection):
    def __init__(self, path: Path, timeout_s: float) -> None:
        super().__init__("agent", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket file."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))
