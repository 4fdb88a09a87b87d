"""Many threads read events of every kind at once, in a program that has read none before."""

import subprocess
import sys

PROGRAM = """
import sys, threading
import msgspec
from records.events import BODIES, decode_body
from records.holiday_table import holidays_of
from wire.problems import Refusal

sys.setswitchinterval(1e-6)
start = threading.Barrier(8)
named = {
    kind: msgspec.json.encode(dict.fromkeys(body.__struct_encode_fields__))
    for kind, body in BODIES.items()
}

def read():
    start.wait()
    for kind in BODIES:
        try:
            decode_body(kind, named[kind])
        except Refusal:
            pass
    for year in range(2020, 2031):
        holidays_of(year)

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_threads_that_read_for_the_first_time_together_do_not_end_the_program() -> None:
    for _ in range(5):
        done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, check=False)
        assert done.returncode == 0, (done.returncode, done.stderr)
