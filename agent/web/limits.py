"""Limits of the local door, each with its unit last and the reason for its size."""

from typing import Final

BODY_BYTES_MAX: Final = 64 << 10
"""Body of every other call: none of them says more than a few fields."""

CARRIED_BYTES_MAX: Final = 3 << 20
"""Body of an answer from a stick: a message of 2 MiB in base64."""

PASSED_OVER_BYTES_MAX: Final = 32 << 20
"""So much of a command that is too large is read and dropped, so that its sender gets an answer."""

BATCH_LINES_MAX: Final = 512
"""Lines of a stream handed to one group commit: longer ones make the first answer wait."""

BATCH_BYTES_MAX: Final = 1 << 20
"""Bytes of commands in one group commit: what it costs in memory, and a reader in waiting."""

BATCHES_IN_FLIGHT_MAX: Final = 2
"""One batch is being made durable while the next is read; more would only wait in memory."""

SESSION_IDLE_S: Final = 600
"""A counter left alone locks itself after ten minutes."""

SESSION_AGE_S_MAX: Final = 12 * 3600
"""Nobody works longer than a day's shift on one sign-in."""

SESSIONS_MAX: Final = 256
"""Eight counters with several tabs each, and room; the one idle longest makes way."""

LOGIN_FREE_TRIES: Final = 3
"""Wrong PINs of one user before the waiting begins: fingers slip."""

LOGIN_WAIT_S_MAX: Final = 60
"""Longest wait between two tries of one user: 6 digits still take months, a clerk a minute."""

LOGIN_NAMES_MAX: Final = 1024
"""Names whose failures are remembered: made-up names must not fill the memory."""

LOGIN_CHECKS_MAX: Final = 4
"""Argon2id costs memory: sign-ins checked or waiting at one moment; the next is told `busy`."""

LOGIN_CHECKS_AN_ADDRESS_MAX: Final = 2
"""Of these, from one machine: whoever only guesses must not keep the other counters out."""

CONNECTIONS_AN_ADDRESS_MAX: Final = 64
"""Open connections of one machine on the network: a browser with many tabs has a dozen. Each costs
a file descriptor, and those are also what the journal and the line to the province live on."""

CONNECTIONS_MAX: Final = 512
"""Open connections through the network in all: half of what systemd lets a service open."""

FIRST_REQUEST_S: Final = 20
"""A connection on which nothing was asked for this long after it opened is closed."""

STREAM_QUEUE_MAX: Final = 64
"""Messages one page may be behind; a page that is further behind reads everything anew."""

STREAM_CLIENTS_MAX: Final = 64
"""Pages that listen at one moment."""

STREAM_KEEP_ALIVE_S: Final = 15
"""A comment this often tells a page that the agent lives, and the agent that the page does."""

READINGS_KEPT_MAX: Final = 200
"""Readings kept for pages that ask again; older ones have become commands or were not wanted."""

SCAN_CHARS_MAX: Final = 7_089
"""Text of one scan: so many digits are what the largest QR code holds (ISO/IEC 18004)."""

COUNTER_MAX: Final = 99
"""Counters are numbered from 1, as in agent.toml; 0 is none."""

LIST_LIMIT_DEFAULT: Final = 50
LIST_LIMIT_MAX: Final = 500
"""Rows of one page of a list, as the interface promises."""

KEEP_ALIVE_S: Final = 75
"""Idle HTTP connections stay open this long: a page asks about once a minute."""

STOP_GRACE_S: Final = 2
"""Open answers get this long at a stop, so that the whole daemon is down within five seconds."""

SYNC_WAIT_S_MAX: Final = 3600
"""Longest wait for a delivery that one call may ask for."""
