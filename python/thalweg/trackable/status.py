"""What `restore` returns: questions about how checkpoint and program matched."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from thalweg.trackable.base import Trackable
from thalweg.trackable.containers import TrackedContainer
from thalweg.trackable.named import NamedRestoration
from thalweg.trackable.object_graph import full_name, node_paths, walk
from thalweg.trackable.restore import Restoration, takes_values

_MOST_SHOWN = 10


class CheckpointLoadStatus:
    """Of a checkpoint with a graph of objects. Values of objects that do not exist yet are restored
    when they are attached.
    """

    def __init__(self, restoration: Restoration, root: Trackable) -> None:
        self._restoration = restoration
        self._root = root

    def _objects(self) -> list[Any]:
        return [node for node, _, _ in walk(self._root, self._restoration.attached)]

    def _unbound(self) -> list[Any]:
        """Objects with values that no node of the checkpoint stands for."""
        bound = {id(made) for made in self._restoration.bound().values()}
        return [n for n in self._objects() if takes_values(n) and id(n) not in bound]

    def assert_consumed(self) -> CheckpointLoadStatus:
        """AssertionError unless program and checkpoint match, object by object."""
        self.assert_existing_objects_matched()
        restoration = self._restoration
        paths = node_paths(restoration.graph)
        for i, node in enumerate(restoration.graph.nodes):
            if node.attributes and restoration.object(i) is None:
                raise AssertionError(f"Unresolved object in checkpoint {paths[i]}: {node}")
        if restoration.unused:
            unused = "\n".join(
                f"{paths[i]} ({restoration.object(i)}): {names}"
                for i, names in restoration.unused.items()
            )
            raise AssertionError(
                "Unused attributes in these objects (the attributes exist in the checkpoint but "
                f"were not restored):\n{unused}"
            )
        return self

    def assert_existing_objects_matched(self) -> CheckpointLoadStatus:
        """AssertionError if an object of the program has no value in the checkpoint. The checkpoint
        may have more.
        """
        restoration = self._restoration
        for i, made in restoration.bound().items():
            if made._tracking.update < restoration.uid:
                path = node_paths(restoration.graph)[i]
                raise AssertionError(f"Object {path} not assigned a value from checkpoint: {made}")
        unbound = self._unbound()
        if unbound:
            shown = unbound[:_MOST_SHOWN]
            raise AssertionError(
                f"Found {len(unbound)} Python objects that were not bound to checkpointed values, "
                f"likely due to changes in the Python program. Showing {len(shown)} of "
                f"{len(unbound)} unmatched objects: {shown}"
            )
        return self

    def assert_nontrivial_match(self) -> CheckpointLoadStatus:
        """AssertionError if nothing but the root matched."""
        if len(self._restoration.bound()) > 1:
            return self
        others = [
            node
            for node in self._objects()[1:]
            if not (isinstance(node, TrackedContainer) and not node._tracking.children)
        ]
        if others:
            raise AssertionError(
                "Nothing except the root object matched a checkpointed value. Typically this means "
                "that the checkpoint does not match the Python program. The following objects have "
                f"no matching checkpointed value: {others}"
            )
        raise AssertionError(
            f"Nothing to load. No dependencies have been added to {self._root} yet."
        )

    def expect_partial(self) -> CheckpointLoadStatus:
        """Silences the warnings about values that nothing took."""
        self._restoration.quiet = True
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """Values are restored by the time `restore` returns: there is nothing left to run."""

    def run_restore_ops(self, session: Any = None) -> None:
        """Values are restored by the time `restore` returns: there is nothing left to run."""


class NamedStatus:
    """Of a checkpoint without a graph of objects, in which variables are found by name."""

    def __init__(
        self, restoration: NamedRestoration, root: Trackable, attached: Mapping[str, Any]
    ) -> None:
        self._restoration = restoration
        self._root = root
        self._attached = attached

    def assert_consumed(self) -> NamedStatus:
        """AssertionError if an object of the program found no value."""
        unmatched = self._restoration.unmatched(self._root, self._attached)
        if unmatched:
            shown = "".join(f"\n    {node!r}: ['{full_name(node)}']" for node in unmatched)
            raise AssertionError(f"Some objects had attributes which were not restored: {shown}")
        return self

    assert_existing_objects_matched = assert_consumed
    assert_nontrivial_match = assert_consumed

    def expect_partial(self) -> NamedStatus:
        """A checkpoint of names gives no warnings."""
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """Values are restored by the time `restore` returns: there is nothing left to run."""

    def run_restore_ops(self, session: Any = None) -> None:
        """Values are restored by the time `restore` returns: there is nothing left to run."""


class InitializationOnlyStatus:
    """Of no checkpoint: `restore(None)`, as at the beginning of a training run."""

    def _fail(self) -> None:
        raise AssertionError("No checkpoint specified (save_path=None); nothing is being restored.")

    assert_consumed = _fail
    assert_existing_objects_matched = _fail
    assert_nontrivial_match = _fail

    def expect_partial(self) -> InitializationOnlyStatus:
        """Nothing is restored, as expected."""
        return self

    def initialize_or_restore(self, session: Any = None) -> None:
        """Variables have their initial values from when they were made."""

    def run_restore_ops(self, session: Any = None) -> None:
        raise AssertionError(
            "No checkpoint specified, so no restore ops are available (save_path=None to "
            "Saver.restore)."
        )
