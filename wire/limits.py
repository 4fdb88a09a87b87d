"""Every limit of the protocol, in one place (docs/protocol.md names the section that sets each).

Units stand last in the name. A limit that the other side can observe is part of the contract;
changing one is changing the protocol.
"""

# --- values (sections 2 and 4.1) ---------------------------------------------------------------

SEQ_MAX = 2**53 - 1
"""Largest sequence number, and largest unsigned integer anywhere in CBOR or JSON: what every
JSON parser, also one that knows only doubles, holds exactly (RFC 7493 section 2.2)."""
UINT_MAX = SEQ_MAX
"""Largest `uint` of the plaintext; the same bound under the name the CDDL uses."""
HASH_BYTES = 32
"""SHA-256: hashes, digests, device ids, key ids of senders."""
ID_BYTES = 16
"""Journal, desk and office ids: random, so 128 bits are enough never to meet."""
SALT_BYTES = 8
"""Salt of an event with a retention period: makes d(n) of a few digits unguessable."""

# --- events (section 2) ------------------------------------------------------------------------

EVENT_BYTES_MAX = 64 << 10
"""One event: a hundred times the usual 520 bytes, and still read at once by any device."""
EVENT_DEPTH_MAX = 16
"""Nesting of one event: no recursive reader runs out of stack."""
EVENT_NUMBER_DIGITS_MAX = 15
"""Significant digits of a number that is no integer: what survives a trip through a double."""

FOREIGN_DEPTH_MAX = 32
"""Nesting of JSON that is no event: problem documents have 3 levels and sync reports 4, and no
recursive reader of it, here or later, runs out of stack."""

# --- blocks of events (section 4.3) ------------------------------------------------------------

EVENTS_PLAIN_BYTES_MAX = 4 << 20
"""`events` and `returned` of one message together, before compression: bounds a receiver's memory
and lets about 8,000 usual events travel at once."""
EVENTS_PACKED_BYTES_MAX = 1 << 20
"""The same after compression; leaves half of the body limit to reports, days and statements."""
EVENTS_COUNT_MAX = 1 << 16
"""Events and `gone` of one block: a real event has more than 64 bytes, so 4 MiB hold fewer; a
million empty ones in a frame of 200 bytes would cost a receiver a minute and a gigabyte."""
ZSTD_WINDOW_BYTES_MAX = 4 << 20
"""Window a decompressor may be asked to hold: no larger than the largest content."""
REPORT_PLAIN_BYTES_MAX = 256 << 10
"""An inflated sync report: about 3 KB in practice, more with many devices and policies."""

# --- messages (sections 4.1 and 10) ------------------------------------------------------------

MESSAGE_BYTES_MAX = 2 << 20
"""HTTP body of an exchange, and one message file on a stick."""
ENROLMENT_BYTES_MAX = 16 << 10
"""HTTP body of an enrolment: here decryption comes before authentication, so it stays small."""
CBOR_DEPTH_MAX = 8
"""Nesting of CBOR: the deepest honest message has 5 levels."""
CBOR_ITEMS_MAX = 1 << 18
"""Data items in one piece of CBOR: 2 MiB of empty arrays would be 150 MB of objects; the largest
honest message, full of `blobs`, has about 200,000."""
GRANT_BYTES_MAX = 64
"""`grant` (section 7): opaque, and short enough for a request header."""
TICKET_ID_BYTES = 8
"""Id of an enrolment ticket: it selects, its secret admits."""
FETCH_PLAIN_BYTES_MAX = 4 << 20
"""Events given back to one `fetch`, before compression."""

# --- blobs (section 7) -------------------------------------------------------------------------

BLOB_PLAIN_BYTES_MAX = 1 << 30
"""A document: a thousand coloured pages have some 300 MB, and 2^32 chunks are never in reach."""
BLOBS_NAMED_MAX = 64
"""Blobs that one `up` names: more is uploaded in an hour by the fastest office, and the next
message names the next."""
BLOBS_WANTED_MAX = 256
"""Blobs that one `down` asks for: 8 KB, and the next answer asks for the next."""
GRANT_S_MAX = 24 * 3600
"""How long a grant is good, by the server's clock; the next `down` that wants blobs brings one."""
UPLOAD_S_MAX = 7 * 24 * 3600
"""A begun upload is kept this long after its last byte: a line may be gone for a weekend."""

# --- turns (section 6) -------------------------------------------------------------------------

TURN_BYTES = 8
"""A turn is compared, never solved: 64 bits of an HMAC."""
TURNS_GIVEN_MAX = 256
"""Turns kept since the one last shown: a device retries far less often before it shows one."""
TURNS_STALE_MAX = 16
"""Turns of stale answers kept: only the newest of them matters to a restored device."""
INCIDENT_WINDOW_S = 30 * 24 * 3600
"""A second incident of one device within this time is a clone, not a restored backup."""

# --- pacing (sections 5 and 7) -----------------------------------------------------------------

NEXT_AFTER_S_MAX = 6 * 3600
"""Longest wait a server may ask for; a wrong or hostile value costs a morning, not a month."""
EXCHANGE_AIM_S = 8
"""What an exchange should take on the link as it is: short enough to repeat, long enough to pay."""
RETRY_S_MIN = 1
RETRY_S_MAX = 5 * 60
"""Bounds of the full-jitter back-off after a failed exchange."""
IDLE_POLL_S = 30 * 60
"""An office with nothing to say asks at most twice an hour."""
PENDING_POLL_S = 60
"""A new device asks this often: a person is comparing its name just now."""
REPEATED_VERDICT_MAX = 3
"""`gap` or `fork` this often for the same place: stop sending until a person asks again."""
ASIDE_BYTES_MAX = 64 << 20
"""Events of one journal that arrived by stick before a gap closed, kept until it does."""
RECOVERY_WAIT_S_MAX = 60
"""How long clerks wait for the own events to come back after a restore."""

# --- short messages and proofs (sections 4.2 and 11) -------------------------------------------

SESSION_S_MAX = 24 * 3600
SESSION_REQUESTS_MAX = 1_000
"""A session's life: afterwards one full message opens the next."""
FULL_MESSAGE_PAUSE_S_MIN = 60
"""After `session-unknown` a device sends at most one full message in this time."""
PROOF_AGE_S_MAX = 24 * 3600
"""A signed receipt is asked for at least this often."""

# --- reports (section 9) -----------------------------------------------------------------------

REPORT_PAUSE_S_MIN = 15 * 60
"""Short messages carry a sync report at most this often."""
DAYS_COUNTED = 35
"""Days, counted back from that of `generated_at`, which `days` tells of: a month and a bit."""
DAY_WORD_CHARS_MAX = 80
"""Characters of a day, kind or channel that are counted under: honest ones have 35 at most, and a
word of 60 KB fits no database's index."""
DAY_DIGEST_BYTES = 8
"""Digest of one row of `days`: a bookkeeping check against accidents, not a proof."""

# --- enrolment (section 10) --------------------------------------------------------------------

ENROLMENTS_PER_TICKET_A_MINUTE_MAX = 5
ENROLMENTS_PER_ADDRESS_A_MINUTE_MAX = 60
"""Bounds what a stranger with a photographed ticket, or with none, can cost the server."""
