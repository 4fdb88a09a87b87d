"""What the sandbox's province has published: calendar, catalogue, one order, one notice."""

from datetime import date
from typing import Any

import msgspec

from provisioning import first_state


def publications(today: date) -> tuple[tuple[str, bytes], ...]:
    """Return (kind, JSON body) of everything to publish."""
    samples = (("policy.set", _order(today)), ("notice.published", _notice(today)))
    encoded = ((kind, msgspec.json.encode(body)) for kind, body in samples)
    return (*first_state.publications(), *encoded)


def _order(today: date) -> dict[str, Any]:
    """Return an order that closes nothing, so that everything can be tried."""
    return {
        "order": "112/KH-UBND",
        "title": "Kế hoạch bảo đảm an toàn tại nơi tiếp nhận và trả kết quả",
        "from": f"{today.isoformat()}T00:00:00+07:00",
        "temperature_max_c": 37.5,
        "visit_retention_days": 21,
        "hotline": "0241022",
    }


def _notice(today: date) -> dict[str, Any]:
    return {
        "title": "Trả kết quả qua bưu chính",
        "text": "Người dân có thể đăng ký nhận kết quả tại nhà qua dịch vụ bưu chính công ích.",
        "until": date(today.year + 1, 12, 31).isoformat(),
        "lobby": True,
    }
