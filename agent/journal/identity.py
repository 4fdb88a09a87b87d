"""Which journals this box writes and holds (docs/protocol.md sections 2 and 10)."""

from typing import NamedTuple

from wire import chain
from wire.chain import Head


class Identity(NamedTuple):
    """What enrolment gave: names of device, office and of the two journals.

    `device_id` and `desk_writer` are 32 bytes, the key ids of the device and of the province's
    signing key that opened the desk journal; `journal`, `desk` and `office_id` are 16 bytes.
    """

    device_id: bytes
    journal: bytes
    office_id: bytes
    desk: bytes
    desk_writer: bytes

    @property
    def genesis(self) -> Head:
        """Head of the office journal before its first event."""
        return chain.genesis(self.device_id, self.journal)

    @property
    def desk_genesis(self) -> Head:
        """Head of the desk journal before its first event."""
        return chain.genesis(self.desk_writer, self.desk)
