"""`commune-agent`: the command line.

This module and those of its commands import little: `--help` is asked for often, and the daemon
should carry only what it uses. Environment and streams enter here and nowhere below.
"""

import os
import sys
from typing import NoReturn

from agent.cli.group import build
from agent.cli.speech import Speech, language_of


def main() -> NoReturn:
    """Run the command line and exit with its code."""
    speech = Speech(language_of(os.environ))
    build(speech)(prog_name="commune-agent")
    sys.exit(0)
