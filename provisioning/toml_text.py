"""Writing small TOML files, and changing single values in those somebody may have edited."""

import json
import re


def quoted(text: str) -> str:
    """Return `text` as a TOML basic string."""
    return json.dumps(text, ensure_ascii=False)


def with_value(source: str, key: str, value: str) -> str:
    """Return `source` with `key = "value"` where `key` first stands; the rest stays as it is.

    Raises ValueError when the key does not stand at the beginning of a line.
    """
    line = re.compile(rf'^({re.escape(key)}\s*=\s*)(?:"[^"\n]*"|\'[^\'\n]*\')', re.MULTILINE)
    changed, count = line.subn(lambda found: found[1] + quoted(value), source, count=1)
    if not count:
        raise ValueError(f"no line sets {key}")
    return changed
