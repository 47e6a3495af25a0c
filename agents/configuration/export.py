"""The desk as a configuration file, without its secrets."""

from __future__ import annotations

from agents.configuration.desk import desk_things
from agents.configuration.writing import file_text

HEAD = "# Tandem's configuration, as `manage.py export` wrote it. `manage.py apply FILE` takes it.\n"


def export_text(*, full: bool = False) -> str:
    """`full` names what need not be said, too: such a file brings back every value that it names."""
    return HEAD + file_text(desk_things(), full=full)
