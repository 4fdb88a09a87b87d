"""Files that commands name, captured before the transaction that tells of them.

Only who came through the Unix socket may name a path: through the web a clerk would make the
daemon read any file of the machine. A scan that waits is named `scan:<id>`, by anybody.
"""

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from agent.documents import Documents
from agent.views.scans import PATH as SCAN
from records.command_types import AttachDocument
from records.commands import Submission
from records.documents import Captured
from wire.problems import Refusal

Files = Mapping[str, Captured]
"""Captured files by the path that their command names."""


class Attaching:
    """Captures and settles; without `documents` nothing can be attached."""

    def __init__(self, documents: Documents | None) -> None:
        self._documents = documents

    async def capture(self, submission: Submission, actor: str | None) -> Files:
        """Return the file a command names; none for a command that names none.

        `actor` is who is signed in. Raises Refusal document-by-upload, document-unreadable,
        too-large, disk-full, disk-failed.
        """
        command = submission.command
        if type(command) is not AttachDocument:
            return {}
        if command.path.startswith(SCAN):
            return await self._scan(command.path)
        if actor is not None:
            raise Refusal("document-by-upload")
        if self._documents is None:
            raise Refusal("document-unreadable")
        return {command.path: await self._documents.capture_file(command.path)}

    async def capture_each(
        self,
        parsed: Sequence[Submission | Refusal],
        actors: Iterable[str | None],
    ) -> tuple[list[Submission | Refusal], dict[str, Captured]]:
        """Capture for many commands; a file that cannot be captured refuses its command alone."""
        files: dict[str, Captured] = {}
        after: list[Submission | Refusal] = []
        for submission, actor in zip(parsed, actors, strict=True):
            answer = submission
            if isinstance(submission, Submission) and _path(submission) not in files:
                try:
                    for path, captured in (await self.capture(submission, actor)).items():
                        files[path] = await self._once(captured, files)
                except Refusal as refusal:
                    answer = refusal
            after.append(answer)
        return after, files

    async def _scan(self, path: str) -> Files:
        """Return a waiting scan; whoever is signed in may name one."""
        captured = None if self._documents is None else await self._documents.scan(path)
        return {} if captured is None else {path: captured}

    async def _once(self, captured: Captured, files: Files) -> Captured:
        """Return the blob of the same file that was captured just before, else this one."""
        alike = (each for each in files.values() if _file(each) == _file(captured))
        twin = next(alike, None)
        if twin is None:
            return captured
        await self.settle({"": captured})
        return twin

    async def settle(self, files: Files, *, certain: bool = True) -> None:
        """Keep what was told of, remove the rest if it is `certain` that it never will be."""
        if files and self._documents is not None:
            await self._documents.settle(files.values(), certain=certain)


def sent(dossier: str, name: str, captured: Captured, key: str | None) -> tuple[Submission, Files]:
    """Return the submission of a document that was sent, not named: its content is its path."""
    path = f"sha256:{captured.sha256}"
    digest = sha256("\0".join((dossier, name, path)).encode()).digest()
    command = AttachDocument(dossier=dossier, name=name, path=path)
    return Submission(command, key, None, digest), {path: captured}


def _file(captured: Captured) -> tuple[str, int]:
    return captured.sha256, captured.bytes


def _path(submission: Submission) -> str | None:
    command = submission.command
    return command.path if type(command) is AttachDocument else None
