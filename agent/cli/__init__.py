"""`commune-agent`: the command line.

This module and those of its commands import little: `--help` is asked for often, and the daemon
should carry only what it uses. Environment and streams enter here and nowhere below.
"""

import os
from typing import NoReturn

from agent.cli.tree import build
from console.speech import Speech, language_of


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    build(Speech("agent", language_of(os.environ))).main(prog_name="commune-agent")
