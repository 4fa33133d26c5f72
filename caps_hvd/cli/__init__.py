"""The command line, `caps-hvd`."""

import sys

from caps_hvd.cli import missing

try:
    from caps_hvd.cli.main import cli as cli
    from caps_hvd.cli.main import main as main
except Exception as error:  # an old Python stumbles in other ways, too
    _line = missing.explain(error)
    if not _line:
        raise

    def main(arguments=None):
        """Ends with 2, and says that the environment is missing."""
        sys.stderr.write("caps_hvd: error: " + _line + "\n")
        sys.exit(2)
