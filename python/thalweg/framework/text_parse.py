"""Protobuf's text format, read. The other direction is text_format.py."""

from __future__ import annotations

import functools
import re
from typing import Any

from thalweg.framework.proto import Field, Message

_TOKEN = re.compile(
    r"""\s*(?:\#[^\n]*(?:\n|$)\s*)*(?:
        (?P<text>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
      | (?P<word>-?\s*[A-Za-z_][A-Za-z0-9_.]*
        | -?(?:0[xX][0-9a-fA-F]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)[fFuU]?)
      | (?P<mark>[:{}<>\[\],;])
      | (?P<end>$)
    )""",
    re.VERBOSE,
)
_BLANK = re.compile(r"\s*(?:#[^\n]*(?:\n|$)\s*)*")
_ESCAPE = re.compile(
    r"\\(?:([0-7]{1,3})|[xX]([0-9a-fA-F]{1,2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))"
)
_SIMPLE = {"n": "\n", "r": "\r", "t": "\t", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_BOOLS = dict.fromkeys(("true", "True", "t", "1"), True) | dict.fromkeys(
    ("false", "False", "f", "0"), False
)
_MOST_NESTED = 64


@functools.cache
def _entry_class(field: Field) -> Any:
    """A map's entry is a message of a key and a value."""

    class Entry(Message):
        fields = (Field(1, "key", field.key), Field(2, "value", field.kind))

    return Entry


class ParseError(ValueError):
    """Text that is no message of the type; names line and column."""


def _unquoted(token: str) -> bytes:
    def one(match: re.Match[str]) -> str:
        octal, hexa, short, long, other = match.groups()
        if octal or hexa:  # a byte
            return chr(int(octal, 8) & 255 if octal else int(hexa, 16))
        if short or long:  # a character, in the bytes of its UTF-8
            return chr(int(short or long, 16)).encode().decode("latin-1")
        return _SIMPLE.get(other, other)

    body = token[1:-1].encode().decode("latin-1")
    return _ESCAPE.sub(one, body).encode("latin-1")


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.start = 0
        self.kind = self.token = ""
        self.advance()

    def advance(self) -> str:
        """Moves to the next token; the one before."""
        last = self.token
        match = _TOKEN.match(self.text, self.at)
        if match is None:
            blank = _BLANK.match(self.text, self.at)
            raise self.error("a character that begins nothing", blank.end() if blank else self.at)
        self.kind = match.lastgroup or "end"
        self.token = match[self.kind]
        self.start = match.start(self.kind)
        self.at = match.end()
        return last

    def error(self, why: str, at: int) -> ParseError:
        line = self.text.count("\n", 0, at) + 1
        column = at - self.text.rfind("\n", 0, at)
        return ParseError(f"{line}:{column} : {why}")

    def fail(self, why: str, at: int | None = None) -> Any:
        raise self.error(why, self.start if at is None else at)

    def takes(self, marks: str) -> bool:
        """Whether the token is one of these marks, which is then behind us."""
        if self.kind == "mark" and self.token in marks:
            self.advance()
            return True
        return False

    def message(self, message: Message, closing: str, depth: int = 0) -> None:
        if depth > _MOST_NESTED:
            self.fail("messages nested too deep")
        while not (self.kind == "mark" and self.token == closing) and self.kind != "end":
            if self.kind != "word":
                self.fail(f'expected a field\'s name, got "{self.token}"')
            field = message._by_name.get(self.token)
            if field is None:
                kind = type(message).__name__
                raise self.error(
                    f'Message type "{kind}" has no field named "{self.token}".', self.start
                )
            self.advance()
            self.values(message, field, depth)
            self.takes(",;")
        if closing and not self.takes(closing):
            self.fail(f'expected "{closing}"')
        if not closing and self.kind != "end":
            self.fail(f'expected the end, got "{self.token}"')

    def values(self, message: Message, field: Field, depth: int) -> None:
        colon = self.takes(":")
        if not colon and not field.message and field.key is None:
            self.fail('expected ":"')
        if field.repeated and self.takes("["):
            while not self.takes("]"):
                self.value(message, field, depth)
                if not self.takes(",") and self.token != "]":
                    self.fail('expected "]"')
        else:
            self.value(message, field, depth)

    def opened(self, field: Field) -> str:
        """The mark that closes the message that begins here."""
        closing = {"{": "}", "<": ">"}.get(self.token) if self.kind == "mark" else None
        if closing is None:
            raise self.error(f'expected "{{" after "{field.name}"', self.start)
        self.advance()
        return closing

    def value(self, message: Message, field: Field, depth: int) -> None:
        if field.key is not None:
            entry = _entry_class(field)()
            self.message(entry, self.opened(field), depth + 1)
            getattr(message, field.name)[entry.key] = entry.value
            return
        if field.message:
            closing = self.opened(field)
            target = getattr(message, field.name)
            inner = target.add() if field.repeated else target
            self.message(inner, closing, depth + 1)
            inner.SetInParent()
            return
        start = self.start
        value = self.scalar(field)
        try:
            if field.repeated:
                getattr(message, field.name).append(value)
            else:
                setattr(message, field.name, value)
        except (TypeError, UnicodeDecodeError) as error:
            self.fail(str(error), start)

    def scalar(self, field: Field) -> Any:
        if self.kind == "text":
            data = b""
            while self.kind == "text":  # neighbours are one string
                data += _unquoted(self.advance())
            if field.kind not in ("string", "bytes"):
                self.fail(f'"{field.name}" takes {field.kind}, not a string')
            return data
        if self.kind != "word" or field.kind in ("string", "bytes"):
            self.fail(f'expected a {field.kind} for "{field.name}", got "{self.token}"')
        word = self.token.replace(" ", "")
        try:
            value = _number(field, word)
        except (ValueError, KeyError):
            self.fail(f'expected a {field.kind} for "{field.name}", got "{word}"')
        self.advance()
        return value


def _number(field: Field, word: str) -> Any:
    if field.kind in ("double", "float"):
        return float(word.rstrip("fF") if word[-1:] in "fF" and "inf" not in word.lower() else word)
    if field.kind == "bool":
        return _BOOLS[word]
    if field.enum and word in field.enum:
        return field.enum[word]
    return int(word, 8) if re.fullmatch(r"-?0[0-7]+", word) else int(word.rstrip("uU"), 0)


def parse_text(text: str, message: Message) -> Message:
    """Fills `message` from its text form. ParseError names line and column."""
    _Parser(text).message(message, "")
    return message
