"""`tf.flags`: command-line flags declared where they are used and read as attributes of FLAGS."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any


class Error(Exception):
    """A flag that is unknown, malformed, declared twice or missing."""


class UnrecognizedFlagError(Error):
    """A flag that was never declared."""


class IllegalFlagValueError(Error):
    """A value that its flag does not take."""


class DuplicateFlagError(Error):
    """A second declaration of a flag."""


class UnparsedFlagAccessError(Error):
    """Kept for programs that catch it: reading FLAGS parses the command line."""


class Flag:
    """One declared flag: its default, its help and how its text is read."""

    def __init__(
        self,
        name: str,
        default: Any,
        help: str | None,
        parse: Callable[[str], Any],
        boolean: bool = False,
    ) -> None:
        self.name, self.help, self.parse, self.boolean = name, help or "", parse, boolean
        self.default, self.value = default, default
        self.present = 0
        self.required = False


class FlagValues:
    """All flags; `FLAGS.name` is a value, `FLAGS(argv)` parses.

    Reading a value before parsing parses sys.argv, ignoring what it does not know.
    """

    def __init__(self) -> None:
        self.__dict__["_flags"] = {}
        self.__dict__["_parsed"] = False

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        if name not in self._flags:
            raise AttributeError(f"no such flag: {name}")
        if not self._parsed:
            self._parse(sys.argv, known_only=True)
        return self._flags[name].value

    def __setattr__(self, name: str, value: Any) -> None:
        if name not in self._flags:
            raise AttributeError(f"no such flag: {name}")
        self._flags[name].value = value

    def __delattr__(self, name: str) -> None:
        if self._flags.pop(name, None) is None:
            raise AttributeError(f"no such flag: {name}")

    def __getitem__(self, name: str) -> Flag:
        return self._flags[name]

    def __contains__(self, name: str) -> bool:
        return name in self._flags

    def __iter__(self) -> Iterator[str]:
        return iter(self._flags)

    def __len__(self) -> int:
        return len(self._flags)

    def __dir__(self) -> list[str]:
        return sorted(self._flags)

    def __call__(self, argv: Sequence[str], known_only: bool = False) -> list[str]:
        return self._parse(argv, known_only)

    def is_parsed(self) -> bool:
        """Whether a command line was parsed."""
        return self._parsed

    def mark_as_parsed(self) -> None:
        """Takes the values as they are."""
        self.__dict__["_parsed"] = True

    def unparse_flags(self) -> None:
        """The next access parses again."""
        self.__dict__["_parsed"] = False

    def flag_values_dict(self) -> dict[str, Any]:
        """Names and values of all flags."""
        return {name: flag.value for name, flag in self._flags.items()}

    def get_flag_value(self, name: str, default: Any) -> Any:
        """The value of a flag; `default` where it is None."""
        value = getattr(self, name)
        return default if value is None else value

    def set_default(self, name: str, value: Any) -> None:
        """Changes a default, and the value unless the command line gave it."""
        flag = self._flags[name]
        flag.default = value
        if not flag.present:
            flag.value = value

    def get_help(self) -> str:
        """A description of all flags."""
        lines = []
        for flag in sorted(self._flags.values(), key=lambda f: f.name):
            label = f"--[no]{flag.name}" if flag.boolean else f"--{flag.name}"
            lines.append(f"  {label}: {flag.help}\n    (default: {flag.default!r})")
        return "\n".join(lines)

    def _declare(self, flag: Flag) -> None:
        if flag.name in self._flags:
            raise DuplicateFlagError(f"The flag '{flag.name}' is defined twice.")
        self._flags[flag.name] = flag

    def _parse(self, argv: Sequence[str], known_only: bool) -> list[str]:
        """Sets values; returns the program's name and what is no flag."""
        rest, todo = list(argv[:1]), list(argv[1:])
        while todo:
            word = todo.pop(0)
            if word == "--":
                rest += todo
                break
            if not word.startswith("-") or word == "-":
                rest.append(word)
                continue
            name, equals, text = word.lstrip("-").partition("=")
            if name in ("help", "h", "helpfull") and name not in self._flags and not known_only:
                print(f"{argv[0]}:\n{self.get_help()}")
                sys.exit(1)
            flag, negated = self._flags.get(name), False
            if flag is None and name.startswith("no") and not equals:
                positive = self._flags.get(name[2:])
                if positive is not None and positive.boolean:
                    flag, negated = positive, True
            if flag is None:
                if known_only:
                    rest.append(word)
                    continue
                raise UnrecognizedFlagError(f"Unknown command line flag '{name}'")
            if flag.boolean and not equals:
                value: Any = not negated
            else:
                if not equals:
                    if not todo:
                        raise Error(f"Missing value for flag --{name}")
                    text = todo.pop(0)
                try:
                    value = flag.parse(text)
                except ValueError as error:
                    raise IllegalFlagValueError(f"flag --{name}={text}: {error}") from None
            flag.value = value
            flag.present += 1
        for flag in self._flags.values():
            if flag.required and flag.value is None and not known_only:
                raise IllegalFlagValueError(
                    f"flag --{flag.name}=None: Flag --{flag.name} must have a value other than "
                    "None."
                )
        self.mark_as_parsed()
        return rest


FLAGS = FlagValues()


def _boolean(text: str) -> bool:
    lowered = text.lower()
    if lowered in ("true", "t", "1", "yes"):
        return True
    if lowered in ("false", "f", "0", "no"):
        return False
    raise ValueError(f"Non-boolean argument to boolean flag: {text!r}")


def _integer(text: str) -> int:
    return int(text, 0)


def _bounded(parse: Callable[[str], Any], lower: Any, upper: Any) -> Callable[[str], Any]:
    def checked(text: str) -> Any:
        value = parse(text)
        if (lower is not None and value < lower) or (upper is not None and value > upper):
            raise ValueError(f"{value} is not in [{lower}, {upper}]")
        return value

    return checked


def DEFINE_string(
    name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any
) -> None:
    """Declares a text flag."""
    flag_values._declare(Flag(name, default, help, str))


def DEFINE_boolean(
    name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any
) -> None:
    """Declares a flag that --name sets and --noname clears."""
    start = _boolean(default) if isinstance(default, str) else default
    flag_values._declare(
        Flag(name, None if start is None else bool(start), help, _boolean, boolean=True)
    )


DEFINE_bool = DEFINE_boolean


def DEFINE_integer(
    name: str,
    default: Any,
    help: str | None = None,
    lower_bound: int | None = None,
    upper_bound: int | None = None,
    flag_values: FlagValues = FLAGS,
    **_: Any,
) -> None:
    """Declares an integer flag, optionally within bounds."""
    start = _integer(default) if isinstance(default, str) else default
    flag_values._declare(Flag(name, start, help, _bounded(_integer, lower_bound, upper_bound)))


def DEFINE_float(
    name: str,
    default: Any,
    help: str | None = None,
    lower_bound: float | None = None,
    upper_bound: float | None = None,
    flag_values: FlagValues = FLAGS,
    **_: Any,
) -> None:
    """Declares a number flag, optionally within bounds."""
    start = None if default is None else float(default)
    flag_values._declare(Flag(name, start, help, _bounded(float, lower_bound, upper_bound)))


def DEFINE_enum(
    name: str,
    default: Any,
    enum_values: Sequence[str],
    help: str | None = None,
    flag_values: FlagValues = FLAGS,
    **_: Any,
) -> None:
    """Declares a flag with one of the listed values."""

    def choose(text: str) -> str:
        if text not in enum_values:
            raise ValueError(f"value should be one of <{'|'.join(enum_values)}>")
        return text

    flag_values._declare(Flag(name, default, help, choose))


def DEFINE_list(
    name: str, default: Any, help: str | None = None, flag_values: FlagValues = FLAGS, **_: Any
) -> None:
    """Declares a flag whose value is separated by commas."""

    def cut(text: str) -> list[str]:
        return [part.strip() for part in text.split(",")] if text else []

    flag_values._declare(
        Flag(name, cut(default) if isinstance(default, str) else default, help, cut)
    )


def mark_flag_as_required(flag_name: str, flag_values: FlagValues = FLAGS) -> None:
    """Parsing fails unless the flag gets a value."""
    flag_values[flag_name].required = True


def mark_flags_as_required(flag_names: Sequence[str], flag_values: FlagValues = FLAGS) -> None:
    """`mark_flag_as_required` for several."""
    for name in flag_names:
        mark_flag_as_required(name, flag_values)
