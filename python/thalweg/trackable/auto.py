"""AutoTrackable: attributes are children. Lists, tuples and dictionaries are wrapped, so that what
is appended to them later is tracked as well.
"""

from __future__ import annotations

from typing import Any

from thalweg.trackable.base import Trackable
from thalweg.trackable.containers import wrap


class AutoTrackable(Trackable):
    """Tracks whatever is assigned to an attribute and can be tracked."""

    _self_setattr_tracking = True

    def __setattr__(self, name: str, value: Any) -> None:
        if self._self_setattr_tracking and name != "_tracking_or_none":
            value = wrap(value)
            if isinstance(value, Trackable):
                self._track_trackable(value, name, overwrite=True)
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        self._delete_tracking(name)
        super().__delattr__(name)
