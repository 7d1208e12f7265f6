"""Files under a second name: artifacts never change, and weights are large."""

import os
import shutil
from pathlib import Path


def link(source: str | Path, target: str | Path) -> None:
    """The same bytes at `target`: a hard link, or a copy."""
    try:
        os.link(source, target)
    except OSError:  # another file system, or one without links
        shutil.copyfile(source, target)
