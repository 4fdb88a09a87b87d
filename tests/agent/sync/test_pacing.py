"""How much goes out at once, on lines from a modem to a loopback."""

from agent.sync.pacing import LEVEL_FAST, LEVEL_SQUEEZE, PACKED_BYTES_MIN, Load, Pacing


def moved(bytes_: int, took_ms: int) -> Load:
    return Load(plain_bytes=bytes_ * 12, packed_bytes=bytes_, up_bytes=bytes_, took_ms=took_ms)


def test_an_unknown_line_is_taken_for_64_kbit_and_a_thousand_records_fit_one_message() -> None:
    batch = Pacing().batch()
    assert 35_000 <= batch.packed_bytes <= 64_000
    assert batch.plain_bytes >= 520_000
    assert batch.level == LEVEL_SQUEEZE


def test_an_exchange_takes_about_eight_seconds_on_the_line_as_it_is() -> None:
    link = Pacing()
    for _ in range(10):
        size = link.batch().packed_bytes
        link = link.acknowledged(moved(size, took_ms=size * 1_000 // 20_000))
    assert 140_000 <= link.batch().packed_bytes <= 180_000


def test_a_line_that_became_slower_is_believed_quickly() -> None:
    link = Pacing(goodput_bytes_s=100_000, measured=True)
    for _ in range(6):
        size = link.batch().packed_bytes
        link = link.acknowledged(moved(size, took_ms=size))
    assert link.batch().packed_bytes <= 24_000


def test_small_exchanges_tell_of_the_round_trip_not_of_the_line() -> None:
    link = Pacing(goodput_bytes_s=8_000, measured=True)
    for _ in range(20):
        link = link.acknowledged(Load(up_bytes=1_500, down_bytes=1_000, took_ms=1_000))
    assert link.goodput_bytes_s == 8_000
    assert link.latency_ms == 1_000


def test_on_a_fast_line_batches_are_large_and_quickly_compressed() -> None:
    link = Pacing().acknowledged(Load(up_bytes=2_000, down_bytes=2_000, took_ms=20))
    batch = link.batch()
    assert batch.level == LEVEL_FAST
    assert batch.packed_bytes * 12 >= 4_000_000
    assert batch.plain_bytes > 3_900_000


def test_a_failed_exchange_halves_the_next_one_down_to_where_it_stops_paying() -> None:
    link = Pacing().failed(moved(50_000, 0))
    assert link.batch().packed_bytes == 25_000
    for _ in range(10):
        link = link.failed(moved(link.batch().packed_bytes, 0))
    assert link.batch().packed_bytes == PACKED_BYTES_MIN
    assert link.smallest


def test_a_failed_message_without_events_says_nothing_about_size() -> None:
    assert Pacing().failed(Load(up_bytes=1_400)) == Pacing()


def test_successes_let_batches_grow_again() -> None:
    link = Pacing().failed(moved(4_096, 0))
    for _ in range(6):
        size = link.batch().packed_bytes
        link = link.acknowledged(moved(size, took_ms=size // 8 + 1))
    assert link.batch().packed_bytes >= 40_000


def test_the_limits_of_the_protocol_hold_on_any_line() -> None:
    link = Pacing(goodput_bytes_s=10**9, measured=True, ratio=1_000.0)
    assert link.batch().packed_bytes <= 1 << 20
    assert link.batch().plain_bytes + 65_536 <= 4 << 20
