"""Train dictionary D1 of codec 1 from made-up events, and measure what it does.

    python -m tools.train_dictionary            trains, compares with the file, prints the figures
    python -m tools.train_dictionary --write    writes wire/data/d1.zdict

Same sources and same zstandard, same bytes. A released dictionary never changes: another one gets
the next codec number. The corpus leaves the sandbox's office out, so that what is measured there
is measured on people, places and days that the dictionary has never seen.
"""

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from hashlib import sha256
from pathlib import Path

import zstandard

from records.synthetic import made_up_place
from records.synthetic_desk import desk_events, report
from records.synthetic_journal import events
from wire.codec import D1, D1_CODEC, compress

TARGET = Path(__file__).parent.parent / "wire" / "data" / "d1.zdict"
DICTIONARY_BYTES = 32 << 10
OFFICES = 240
EPOCH = date(2026, 1, 5)

# Found by trying: segments of this many bytes, matched by this many, for one event up to 1,000.
SEGMENT_BYTES = 300
MATCH_BYTES = 8
LEVEL = 19

SKIPPED = 20
"""Events at the start of a measured journal that are left out: no office begins every day anew."""


def corpus() -> list[bytes]:
    """Return the samples: events of both journals and sync reports, of offices all over."""
    return [sample for office in range(OFFICES) for sample in _samples(office)]


def _samples(office: int) -> Iterator[bytes]:
    place = made_up_place(office)
    today = EPOCH + timedelta(days=3 * office)
    seed = 1_000_000 + office
    yield from events(seed, 60, today=today, place=place)
    yield from events(seed, 50, today=today, place=place, everyday=True)
    yield from desk_events(seed, today=today, place=place)[office % 20 :: 20]
    yield report(seed, today=today, place=place)


def train(samples: Sequence[bytes]) -> bytes:
    """Return the dictionary; one thread and fixed parameters, so it is always the same."""
    dictionary = zstandard.train_dictionary(
        DICTIONARY_BYTES,
        list(samples),
        k=SEGMENT_BYTES,
        d=MATCH_BYTES,
        split_point=1.0,
        level=LEVEL,
        threads=0,
    )
    return dictionary.as_bytes()


def bytes_per_event(count: int, level: int, *, everyday: bool, codec: int = D1_CODEC) -> float:
    """Return the packed bytes per event of blocks of `count` events of the sandbox's office."""
    journals = max(2, 60 // count)
    packed = 0
    for seed in range(journals):
        journal = events(seed, SKIPPED + count, everyday=everyday)
        packed += len(compress(b"\n".join(journal[SKIPPED:]), codec, level))
    return packed / journals / count


def print_figures() -> None:
    """Print bytes per event, for dossiers and check-ins and for all that an office does."""
    counts = (1, 10, 100, 1_000)
    print("bytes per event in a block of", *(f"{count:>7,}" for count in counts))
    for everyday, name in ((False, "dossiers and check-ins"), (True, "all of an office's work")):
        for level in (19, 3):
            row = (bytes_per_event(count, level, everyday=everyday) for count in counts)
            cells = " ".join(f"{figure:7.1f}" for figure in row)
            print(f"{name:>23}, {level:2}   {cells}")


def main() -> int:
    """Train, compare or write, and print; 1 when the file is not what training gives."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help="write wire/data/d1.zdict")
    arguments = parser.parse_args()
    samples = corpus()
    dictionary = train(samples)
    print(f"{len(samples):,} samples, {sum(map(len, samples)):,} bytes")
    print(f"D1 {len(dictionary):,} bytes, SHA-256 {sha256(dictionary).hexdigest()}")
    if arguments.write:
        TARGET.write_bytes(dictionary)
        print(f"written to {TARGET}; put its SHA-256 into wire/codec.py and docs/protocol.md")
        return 0
    print_figures()
    return 0 if dictionary == D1 else 1


if __name__ == "__main__":
    sys.exit(main())
