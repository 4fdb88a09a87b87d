"""The offices of the sandbox: real communes of Hà Nội with their real ward codes.

The office codes behind `H26.` are made up, but for the first office's.
"""

from collections.abc import Iterator

from msgspec import Struct

PROVINCE_CODE = "H26"
PROVINCE_NAME = "Thành phố Hà Nội"
FIRST_WARD = 10402
FIRST_NUMBER = 107


class Commune(Struct, frozen=True):
    """One commune: its office code, its name, its five-digit ward code."""

    code: str
    name: str
    ward_code: str


def communes() -> tuple[Commune, ...]:
    """Return all communes of the province, xã Ứng Hòa first, the others in official order."""
    # The package holds every ward of the country; only founding a sandbox needs it.
    from vietnam_provinces import ProvinceCode, Ward  # noqa: PLC0415

    wards = [
        (int(ward.code.value), str(ward.name)) for ward in Ward.iter_by_province(ProvinceCode.P_01)
    ]
    wards.sort(key=lambda ward: ward[0] != FIRST_WARD)
    codes = zip(_numbers(), wards, strict=False)
    return tuple(
        Commune(f"{PROVINCE_CODE}.{number}", name, f"{ward:05}") for number, (ward, name) in codes
    )


def _numbers() -> Iterator[int]:
    yield FIRST_NUMBER
    number = 0
    while True:
        number += 1
        if number != FIRST_NUMBER:
            yield number
