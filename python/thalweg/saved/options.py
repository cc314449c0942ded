"""What may be said of saving and loading."""

from __future__ import annotations

from typing import Any


def _refuse(what: str, given: dict[str, tuple[Any, Any]]) -> None:
    for name, (value, default) in given.items():
        if value != default:
            raise NotImplementedError(
                f"tf.saved_model.{what}: {name}={value!r} is not supported; leave it at {default!r}"
            )


class SaveOptions:
    """Of `tf.saved_model.save`. `extra_tags` are tags beside "serve"; all else is as TensorFlow has
    it by default, except that gradients written in Python are never saved: TensorFlow saves them
    with `experimental_custom_gradients`, here a warning says that there are some.
    """

    def __init__(
        self,
        namespace_whitelist: Any = None,
        save_debug_info: bool = False,
        function_aliases: Any = None,
        experimental_debug_stripper: bool = False,
        experimental_io_device: str | None = None,
        experimental_variable_policy: Any = None,
        experimental_custom_gradients: bool = True,
        experimental_image_format: bool = False,
        experimental_skip_saver: bool = False,
        experimental_sharding_callback: Any = None,
        extra_tags: Any = None,
    ) -> None:
        _refuse(
            "SaveOptions",
            {
                "namespace_whitelist": (namespace_whitelist, None),
                "save_debug_info": (save_debug_info, False),
                "function_aliases": (function_aliases, None),
                "experimental_debug_stripper": (experimental_debug_stripper, False),
                "experimental_io_device": (experimental_io_device, None),
                "experimental_variable_policy": (experimental_variable_policy, None),
                "experimental_image_format": (experimental_image_format, False),
                "experimental_skip_saver": (experimental_skip_saver, False),
                "experimental_sharding_callback": (experimental_sharding_callback, None),
            },
        )
        self.experimental_custom_gradients = bool(experimental_custom_gradients)
        self.extra_tags = [extra_tags] if isinstance(extra_tags, str) else list(extra_tags or ())


class LoadOptions:
    """Of `tf.saved_model.load`. All that differs from the defaults is refused."""

    def __init__(
        self,
        allow_partial_checkpoint: bool = False,
        experimental_io_device: str | None = None,
        experimental_skip_checkpoint: bool = False,
        experimental_variable_policy: Any = None,
        experimental_load_function_aliases: bool = False,
    ) -> None:
        _refuse(
            "LoadOptions",
            {
                "allow_partial_checkpoint": (allow_partial_checkpoint, False),
                "experimental_io_device": (experimental_io_device, None),
                "experimental_skip_checkpoint": (experimental_skip_checkpoint, False),
                "experimental_variable_policy": (experimental_variable_policy, None),
                "experimental_load_function_aliases": (experimental_load_function_aliases, False),
            },
        )
