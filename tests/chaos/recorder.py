"""A recorder of a few lines, to try the rigs on: honest, or hasty.

Reads lines, keeps each in SQLite (WAL, synchronous=FULL), and prints its number. The hasty one
prints it before the COMMIT, which is the mistake that crash sweeps are there to find.
"""

import sqlite3
import sys


def main(file: str, manner: str) -> None:
    """Record stdin, one transaction a line."""
    connection = sqlite3.connect(file, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("CREATE TABLE IF NOT EXISTS kept(line TEXT)")
    for line in sys.stdin:
        connection.execute("BEGIN")
        connection.execute("INSERT INTO kept VALUES (?)", (line.strip(),))
        if manner == "hasty":
            print(line.strip(), flush=True)
        connection.execute("COMMIT")
        if manner == "honest":
            print(line.strip(), flush=True)
    connection.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
