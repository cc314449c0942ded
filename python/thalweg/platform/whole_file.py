"""Files that readers see complete or not at all."""

from __future__ import annotations

import os


def write_whole(path: str, data: bytes) -> None:
    """Writes a file. Where that fails, what was there before is there still."""
    sibling = f"{path}.tmp{os.getpid()}"
    try:
        with open(sibling, "wb") as f:
            f.write(data)
            f.flush()
            os.fsync(f.fileno())
        os.replace(sibling, path)
    except BaseException:
        if os.path.exists(sibling):
            os.unlink(sibling)
        raise
