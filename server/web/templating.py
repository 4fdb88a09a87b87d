"""Pages out of templates: values are escaped, a missing one is an error, nothing is a script."""

from __future__ import annotations

import hashlib
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response

from server.web.texts import TEXTS
from wire.texts import Lang

HTML_TYPE: Final = "text/html"
FILES: Final = {"province.css": "text/css", "icon.svg": "image/svg+xml"}
POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
SEALS: Final = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


def _read_static() -> dict[str, bytes]:
    folder = resources.files("server.web").joinpath("static")
    return {name: folder.joinpath(name).read_bytes() for name in FILES}


STATIC: Final = _read_static()
ASSETS: Final = hashlib.sha256(b"".join(STATIC.values())).hexdigest()[:12]

_environment = Environment(
    loader=PackageLoader("server.web"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    auto_reload=False,
)


def page(name: str, lang: Lang, status: int = 200, **values: Any) -> Response[str]:
    """Fill in a template; pages hold what only their reader may see, so nobody keeps them."""
    text = _environment.get_template(name).render(
        lang=lang, assets=ASSETS, t=lambda key: TEXTS[key].pick(lang), **values
    )
    headers = {"Content-Language": lang, "Cache-Control": "no-store", **SEALS}
    return Response(text, status_code=status, media_type=HTML_TYPE, headers=headers)


def static_file(name: str) -> Response[bytes] | None:
    """Return a file of the pages; its address changes with its content."""
    if name not in FILES:
        return None
    headers = {"Cache-Control": "public, max-age=31536000, immutable", **SEALS}
    return Response(STATIC[name], media_type=FILES[name], headers=headers)
