"""Pages out of templates: every value is escaped, a missing one is an error."""

import hashlib
from collections.abc import Callable
from importlib import resources
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from litestar import Response
from litestar.response import Redirect

from agent.web.texts import TEXTS
from wire.texts import Lang

HTML_TYPE: Final = "text/html"
STATIC: Final[dict[str, str]] = {
    "agent.css": "text/css",
    "today.js": "text/javascript",
    "actions.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Templates:
    """The templates of the pages, and the files they need, read once."""

    def __init__(self, office: Callable[[], str]) -> None:
        """`office()`: the name that stands on every page, as the province last gave it."""
        self._office = office
        folder = resources.files("agent.web").joinpath("static")
        self.files = {name: folder.joinpath(name).read_bytes() for name in STATIC}
        self._assets = hashlib.sha256(b"".join(self.files.values())).hexdigest()[:12]
        self._environment = Environment(
            loader=PackageLoader("agent.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )

    def page(self, name: str, lang: Lang, status: int = 200, **values: Any) -> Response[str]:
        """Fill in a template."""
        text = self._environment.get_template(name).render(
            lang=lang,
            office=self._office(),
            assets=self._assets,
            t=lambda key: TEXTS[key].pick(lang),
            **values,
        )
        headers = {"content-language": lang, "vary": "Accept-Language, Cookie"}
        return Response(text, status_code=status, media_type=HTML_TYPE, headers=headers)

    def to_sign_in(self) -> Response[Any]:
        """Send somebody who is not signed in to where they can."""
        return Redirect("/login", status_code=303)
