"""The texts of this package, from messages.toml."""

from collections.abc import Mapping

from wire.problems import FieldError
from wire.texts import Text, load

TEXTS: Mapping[str, Text] = load("records")
"""Every text by its dotted key, such as `field.blank`."""


def wrong(path: str, key: str, code: str = "field-invalid", **values: object) -> FieldError:
    """Return the error of one place of an input, with the text `field.<key>`."""
    return FieldError(path, code, TEXTS[f"field.{key}"].format(**values))
