"""A simulated disk below the real SQLite: what would survive a power cut, and cuts in mid-write.

A virtual file system is laid over SQLite's own (sqlite.org/vfs.html): every write, truncation and
sync of a watched folder passes through here before it is done for real. So what was synced is
*observed*, not assumed: a program that skips a sync loses what it wrote after the last one.

- `Disk.image("kill")` is what is left when the program dies: every write reached the kernel.
- Every other image is what is left when the power goes: what was synced, and of the writes since
  then nothing, all, the first few, the first few and half a one, or any sectors of them.
- `Disk.strike(n, how)` takes the image just before the n-th call from now and calls `struck`;
  `Disk.strike_at_sync(n, how)` just after the n-th sync: all is kept, and nobody was told.

Shared memory (`-shm`) is never part of an image: it is made anew.
"""

from __future__ import annotations

import ctypes as c
import functools
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any, Literal, NamedTuple

from sqlcipher3 import _sqlite3

SECTOR_BYTES = 512
Cut = Literal["kill", "none", "all", "prefix", "torn", "sectors"]
CUTS: tuple[Cut, ...] = ("none", "all", "prefix", "torn", "sectors")
Image = Mapping[str, bytes]

OK = 0


class Write(NamedTuple):
    """One write that no sync has covered yet; `data` None: a truncation to `offset`."""

    offset: int
    data: bytes | None


@dataclass
class File:
    """One file: what is on the platter, and what was written since."""

    durable: bytearray = field(default_factory=bytearray)
    exists: bool = False
    """Whether its name is on the platter."""
    pending: list[Write] = field(default_factory=list)

    def sync(self) -> None:
        """Everything written so far is on the platter."""
        for write in self.pending:
            apply(self.durable, write)
        self.pending.clear()
        self.exists = True


def apply(content: bytearray, write: Write) -> None:
    """Do one write to a content; a hole is filled with zeros."""
    offset, data = write
    if data is None:
        if len(content) > offset:
            del content[offset:]
        else:
            content.extend(bytes(offset - len(content)))
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class Disk:
    """One folder of SQLite files, watched."""

    def __init__(self, folder: Path, random: Random) -> None:
        self.folder = folder
        self.calls = 0
        self.struck: Callable[[Image], None] = lambda _image: None
        self._random = random
        self._files: dict[str, File] = {}
        self._strike: tuple[int, Cut] | None = None
        self._sync_strike: tuple[int, Cut] | None = None
        for path in sorted(folder.iterdir()):
            if path.is_file() and not path.name.endswith("-shm"):
                self._files[path.name] = File(bytearray(path.read_bytes()), exists=True)

    def strike(self, after: int, how: Cut) -> None:
        """Let the program die, or the power go, just before the `after`-th call from now."""
        self._strike = (self.calls + after, how)

    def strike_at_sync(self, after: int, how: Cut) -> None:
        """Let it happen just after the `after`-th sync from now."""
        self._sync_strike = (after, how)

    def spare(self) -> None:
        """Let no strike come that was to come."""
        self._strike = self._sync_strike = None

    def image(self, how: Cut) -> Image:
        """Return what is left of every file."""
        if how == "kill":
            return {
                path.name: path.read_bytes()
                for path in sorted(self.folder.iterdir())
                if path.is_file() and not path.name.endswith("-shm")
            }
        left = {}
        for name, file in sorted(self._files.items()):
            kept = self._kept(file.pending, how)
            if not file.exists and not kept:
                continue
            content = bytearray(file.durable)
            for write in kept:
                apply(content, write)
            left[name] = bytes(content)
        return left

    def _kept(self, pending: list[Write], how: Cut) -> list[Write]:
        random = self._random
        if how == "none" or not pending:
            return []
        if how == "all":
            return list(pending)
        if how == "sectors":
            sectors = [part for write in pending for part in _sectors(write)]
            return [part for part in sectors if random.random() < 0.5]
        kept = list(pending[: random.randrange(len(pending) + 1)])
        offset, data = kept[-1] if kept else Write(0, None)
        if how == "torn" and data:
            cut = random.randrange(len(data) // SECTOR_BYTES + 1) * SECTOR_BYTES
            kept[-1] = Write(offset, data[:cut])
        return kept

    # --- called by SQLite ------------------------------------------------------------------------

    def called(self) -> None:
        """Count one call that changes the disk; strike if it is the one."""
        self.calls += 1
        if self._strike is not None and self.calls >= self._strike[0]:
            how, self._strike = self._strike[1], None
            self.struck(self.image(how))

    def wrote(self, name: str, write: Write) -> None:
        """Remember a write that no sync covers."""
        self._files.setdefault(name, File()).pending.append(write)

    def synced(self, name: str) -> None:
        """Remember a sync."""
        self._files.setdefault(name, File()).sync()
        if self._sync_strike is None:
            return
        left, how = self._sync_strike
        self._sync_strike = (left - 1, how) if left > 1 else None
        if self._sync_strike is None:
            self.struck(self.image(how))

    def deleted(self, name: str) -> None:
        """Forget a file. SQLite only deletes what has been folded in durably."""
        self._files.pop(name, None)


def _sectors(write: Write) -> Iterator[Write]:
    if not write.data:
        yield write
        return
    for at in range(0, len(write.data), SECTOR_BYTES):
        yield Write(write.offset + at, write.data[at : at + SECTOR_BYTES])


# --- the layer between SQLite and its own file system (sqlite3.h) ----------------------------

_CLOSE = c.CFUNCTYPE(c.c_int, c.c_void_p)
_WRITE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int, c.c_int64)
_TRUNCATE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int64)
_SYNC = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_int)
_OPEN = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_void_p, c.c_int, c.POINTER(c.c_int))
_DELETE = c.CFUNCTYPE(c.c_int, c.c_void_p, c.c_void_p, c.c_int)
# A path is handed on as the pointer it came as: SQLite keeps it, and reads what stands behind it.
_NAME = b"commune-simulated-disk"


class _Methods(c.Structure):
    """`sqlite3_io_methods`, version 3."""

    _fields_ = (
        ("version", c.c_int),
        ("close", _CLOSE),
        ("read", c.c_void_p),
        ("write", _WRITE),
        ("truncate", _TRUNCATE),
        ("sync", _SYNC),
        ("rest", c.c_void_p * 13),
    )


class _Opened(c.Structure):
    """`sqlite3_file`."""

    _fields_ = (("methods", c.POINTER(_Methods)),)


class _Vfs(c.Structure):
    """`sqlite3_vfs`, version 3."""

    _fields_ = (
        ("version", c.c_int),
        ("file_bytes", c.c_int),
        ("path_bytes_max", c.c_int),
        ("next", c.c_void_p),
        ("name", c.c_char_p),
        ("app_data", c.c_void_p),
        ("open", _OPEN),
        ("delete", _DELETE),
        ("rest", c.c_void_p * 14),
    )


class _Layer:
    """Hands every call on to SQLite's own file system and tells the disk of it."""

    def __init__(self) -> None:
        self.disks: dict[str, Disk] = {}
        self._library = c.CDLL(_sqlite3.__file__)
        self._library.sqlite3_vfs_find.restype = c.POINTER(_Vfs)
        self._library.sqlite3_vfs_find.argtypes = [c.c_char_p]
        self._library.sqlite3_vfs_register.argtypes = [c.POINTER(_Vfs), c.c_int]
        self._library.sqlite3_vfs_unregister.argtypes = [c.POINTER(_Vfs)]
        self._own = self._library.sqlite3_vfs_find(None)
        self._vfs = _Vfs()
        c.memmove(c.byref(self._vfs), self._own, c.sizeof(_Vfs))
        self._vfs.name = _NAME
        self._vfs.open = _OPEN(self._open)
        self._vfs.delete = _DELETE(self._delete)
        self._open_files: dict[int, tuple[Disk, str, _Methods]] = {}
        self._tables: dict[int, _Methods] = {}

    def install(self) -> None:
        """Become the file system of every database opened from now on."""
        self._library.sqlite3_vfs_register(c.byref(self._vfs), 1)

    def remove(self) -> None:
        """Give SQLite its own back."""
        self._library.sqlite3_vfs_unregister(c.byref(self._vfs))
        self._library.sqlite3_vfs_register(self._own, 1)

    def _open(self, vfs: int, path: int | None, file: int, flags: int, out: Any) -> int:
        code = int(self._own.contents.open(vfs, path, file, flags, out))
        disk, name = self._watched(path)
        if code != OK or disk is None:
            return code
        opened = c.cast(file, c.POINTER(_Opened)).contents
        own = opened.methods.contents
        self._open_files[file] = (disk, name, own)
        opened.methods = c.pointer(self._table(own))
        return code

    def _watched(self, path: int | None) -> tuple[Disk | None, str]:
        if path is None:
            return None, ""
        folder, _, name = c.string_at(path).decode().rpartition("/")
        return self.disks.get(folder), name

    def _table(self, own: _Methods) -> _Methods:
        key = c.addressof(own)
        if key not in self._tables:
            table = _Methods()
            c.memmove(c.byref(table), c.byref(own), c.sizeof(_Methods))
            table.close = _CLOSE(self._close)
            table.write = _WRITE(self._write)
            table.truncate = _TRUNCATE(self._truncate)
            table.sync = _SYNC(self._sync)
            self._tables[key] = table
        return self._tables[key]

    def _close(self, file: int) -> int:
        _, _, own = self._open_files.pop(file)
        return int(own.close(file))

    def _write(self, file: int, data: int, size: int, offset: int) -> int:
        disk, name, own = self._open_files[file]
        disk.called()
        disk.wrote(name, Write(offset, c.string_at(data, size)))
        return int(own.write(file, data, size, offset))

    def _truncate(self, file: int, size: int) -> int:
        disk, name, own = self._open_files[file]
        disk.called()
        disk.wrote(name, Write(size, None))
        return int(own.truncate(file, size))

    def _sync(self, file: int, _flags: int) -> int:
        disk, name, _ = self._open_files[file]
        disk.called()
        disk.synced(name)  # the real disk need not hurry: its power is not cut
        return OK

    def _delete(self, vfs: int, path: int | None, sync_folder: int) -> int:
        disk, name = self._watched(path)
        if disk is not None:
            disk.called()
            disk.deleted(name)
        return int(self._own.contents.delete(vfs, path, sync_folder))


@functools.cache
def _layer() -> _Layer:
    return _Layer()


@contextmanager
def simulated_disks() -> Iterator[None]:
    """Let SQLite write through simulated disks meanwhile; see `watch`."""
    layer = _layer()
    layer.install()
    try:
        yield
    finally:
        layer.remove()
        layer.disks.clear()


def watch(folder: Path, random: Random) -> Disk:
    """Return the disk of a folder, whose present files are on the platter."""
    disk = Disk(folder, random)
    _layer().disks[str(folder)] = disk
    return disk


def forget(disk: Disk) -> None:
    """Watch a folder no longer."""
    _layer().disks.pop(str(disk.folder), None)


def lay(image: Image, folder: Path) -> None:
    """Write an image into a fresh folder."""
    folder.mkdir(parents=True)
    for name, content in image.items():
        (folder / name).write_bytes(content)
