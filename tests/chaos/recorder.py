"""A recorder of a few lines, to try the rigs on: honest, hasty, or deaf.

Reads lines, keeps each in SQLite (WAL, synchronous=FULL), and prints its number. The hasty one
prints it before the COMMIT, which is the mistake that crash sweeps are there to find. The deaf one
prints it although the COMMIT failed, which is what a failing disk is there to find; the honest one
says nothing then and goes on.
"""

import contextlib
import sqlite3
import sys

REFUSED = 3


def main(file: str, manner: str) -> None:
    """Record stdin, one transaction a line; end with `REFUSED` when the disk refuses a start."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE IF NOT EXISTS kept(line TEXT)")
    except sqlite3.OperationalError:
        sys.exit(REFUSED)
    for line in sys.stdin:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO kept VALUES (?)", (line.strip(),))
        if manner == "hasty":
            print(line.strip(), flush=True)
        try:
            connection.execute("COMMIT")
        except sqlite3.OperationalError:
            with contextlib.suppress(sqlite3.OperationalError):
                connection.execute("ROLLBACK")
            if manner != "deaf":
                continue
        if manner != "hasty":
            print(line.strip(), flush=True)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
