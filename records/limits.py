"""Limits of what a command may hold; units stand last in the name."""

COMMAND_BYTES_MAX = 60 << 10
"""One command: what fits into an event of 64 KiB together with the envelope and what is decided."""
COMMAND_DEPTH_MAX = 16
"""Nesting of one command: as deep as the event that it becomes may be."""
NAME_CHARS_MAX = 200
"""A person, an organisation, a paper: the longest real procedure paper names have about 150."""
LINE_CHARS_MAX = 500
"""An address or another text of one line."""
TEXT_CHARS_MAX = 4_000
"""A reason or a note: a page of writing."""
REF_CHARS_MAX = 100
"""An id, a code, a number: far above every shape that is in use."""
PATH_CHARS_MAX = 1_000
"""Where a file lies: far below what a system takes, far above what a person types."""
LIST_ITEMS_MAX = 100
"""Papers of one dossier: five times the longest list of the catalogue."""
SETS_MAX = 100
PAGES_MAX = 100_000
COPIES_MAX = 10_000
"""Counts a person types: above these a slip of the finger is likelier than the truth."""
AMOUNT_VND_MAX = 10**12
"""One payment: a thousand billion đồng."""
VOLUME_MAX = 9_999
BOOK_NUMBER_MAX = 999_999
"""A volume of the register and a number in it."""
TEMPERATURE_C_MIN = 30.0
TEMPERATURE_C_MAX = 45.0
"""Body temperatures a thermometer can honestly show."""
KEY_CHARS_MAX = 200
"""An idempotency key: room for any scheme, small enough to index."""
