"""Regular expressions in RE2's syntax: what TensorFlow 2.21 makes of the same patterns. RegexReplace
and RegexFullMatch take tensors, StaticRegexReplace and StaticRegexFullMatch strings.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

import thalweg as tf
import thalweg.compat.v1 as tf1

# Pattern, rewrite, text, result; noted from tensorflow-cpu.
REPLACED: list[tuple[str, str, str, str]] = [
    ("a*", "-", "baac", "-b-c-"),
    ("", "-", "abc", "-a-b-c-"),
    ("", "-", "äö", "-ä-ö-"),
    ("b*", "x", "aé", "xaxéx"),
    (".", "x", "é\n", "x\n"),
    ("x{,2}", "y", "x{,2}xx", "yxx"),
    ("(?i)É", "e", "éÉ", "ee"),
    (r"\d+", r"<\0>", "a12b345", "a<12>b<345>"),
    ("(a|ab)(c|bcd)(d*)", r"[\1|\2|\3]", "abcd", "[a|bcd|]"),
    ("^a", "x", "aaa", "xaa"),
    ("a$", "x", "aa\n", "aa\n"),
    ("(?m)^a$", "x", "a\na\n", "x\nx\n"),
    (r"\bfoo\b", "x", "foo food foo", "x food x"),
    ("[[:alpha:]]+", "x", "ab1cd", "x1x"),
    ("[^[:^alpha:]]+", "x", "ab1cd", "x1x"),
    (r"\Qa.b\E", "x", "a.ba", "xa"),
    ("(?s).", "x", "a\n", "xx"),
    ("(?U)a+", "x", "aaa", "xxx"),
    ("a+?", "x", "aaa", "xxx"),
    ("(?P<k>a)b", r"\1", "ab", "a"),
    (r"[\d\-x]", "_", "1-x", "___"),
    (r"[a\]]", "_", "a]", "__"),
    ("[]a]", "_", "a]", "__"),
    ("(|a)*", "x", "aa", "xaxax"),
    ("(a*)+", "x", "baac", "xbxcx"),
    (r"\x41\x{e9}\101", "x", "AéA", "x"),
    ("(?-i)a", "b", "aA", "bA"),
    ("(?i:a)b", "x", "AbAB", "xAB"),
    ("a{2,3}", "x", "aaaaa", "xx"),
    ("x*?", "-", "ax", "-a-x-"),
    (r"\_", "x", "a_", "ax"),
    ("(a)", "\\\\", "ab", "\\b"),
]


@pytest.mark.parametrize(("pattern", "rewrite", "text", "want"), REPLACED)
def test_replace(pattern: str, rewrite: str, text: str, want: str) -> None:
    assert tf.strings.regex_replace(text, pattern, rewrite).numpy().decode() == want
    by_tensors = tf.strings.regex_replace([text], tf.constant(pattern), tf.constant(rewrite))
    assert by_tensors.numpy()[0].decode() == want


def test_bytes_that_are_not_utf8_match_nothing() -> None:
    text = tf.constant(b"a\xffb")
    assert tf.strings.regex_replace(text, ".", "x").numpy() == b"x\xffx"
    assert tf.strings.regex_replace(text, "[^a]", "x").numpy() == b"a\xffx"


@pytest.mark.parametrize(
    ("pattern", "error"),
    [
        ("(a", "missing ): (a"),
        ("a)", "unexpected ): a)"),
        ("[a", "missing ]: [a"),
        ("*a", "no argument for repetition operator: *"),
        ("a**", "bad repetition operator: **"),
        ("a{2}{3}", "bad repetition operator: {2}{3}"),
        ("a{2000}", "invalid repetition size: {2000}"),
        (r"\8", r"invalid escape sequence: \8"),
        (r"\é", r"invalid escape sequence: \é"),
        (r"[a-\d]", r"invalid escape sequence: \d"),
        ("a\\", "trailing \\"),
        ("[\\", "trailing \\"),
        ("(?=a)", "invalid perl operator: (?="),
        ("(?<n>a)", "invalid perl operator: (?<"),
        ("(?z)a", "invalid perl operator: (?z"),
        ("[z-a]", "invalid character class range: z-a"),
        ("[[:foo:]]", "invalid character class range: [:foo:]"),
        ("(?P<n>a", "missing ): (?P<n>a"),
        ("((a{1000}){1000}){1000}", "pattern too large - compile failed"),
        # These RE2 knows.
        (r"\pN", r"Unicode classes are not supported: \p"),
        (r"\C", r"\C is not supported"),
    ],
)
def test_patterns_that_are_wrong(pattern: str, error: str) -> None:
    message = re.escape(f"Invalid pattern: {pattern}, error: {error}")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.strings.regex_replace("b", pattern, "")
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        tf.strings.regex_full_match("b", tf.constant(pattern))


@pytest.mark.parametrize(
    ("rewrite", "error"),
    [(r"\2", "refers to group 2 of 1"), (r"\x", "must be followed"), ("x\\", "at its end")],
)
def test_rewrites_that_are_wrong(rewrite: str, error: str) -> None:
    with pytest.raises(tf.errors.InvalidArgumentError, match=f"Invalid rewrite pattern.*{error}"):
        tf.strings.regex_replace("aab", "(a)", rewrite)


def test_only_the_first() -> None:
    got = tf.strings.regex_replace([["aab"], ["ba"]], "a", "x", replace_global=False)
    assert got.numpy().tolist() == [[b"xab"], [b"bx"]]


def test_full_match() -> None:
    texts = ["aab", "b", "ab\n", "xab", ""]
    want = [True, True, False, False, False]
    assert tf.strings.regex_full_match(texts, "a*b").numpy().tolist() == want
    assert tf.strings.regex_full_match(texts, tf.constant("a*b")).numpy().tolist() == want
    assert tf.strings.regex_full_match(["ab", "abc"], "a|ab").numpy().tolist() == [True, False]


def test_patterns_are_scalars() -> None:
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.strings.regex_replace("a", tf.constant(["a"]), "x")
    with pytest.raises(tf.errors.InvalidArgumentError):
        tf.strings.regex_full_match("a", tf.constant(["a"]))


def test_a_pattern_that_changes_from_run_to_run() -> None:
    with tf1.Graph().as_default(), tf1.Session() as sess:
        pattern = tf1.placeholder(tf1.string, [])
        y = tf1.strings.regex_replace(["abc"], pattern, tf1.constant("-"))
        assert sess.run(y, {pattern: "b"}).tolist() == [b"a-c"]
        assert sess.run(y, {pattern: "[ac]"}).tolist() == [b"-b-"]


def test_matching_takes_linear_time() -> None:
    n = 3000
    got = tf.strings.regex_full_match("a" * n, "(a?){%d}a{%d}" % (500, 500))  # noqa: UP031
    assert not bool(got)
    assert not bool(tf.strings.regex_full_match("a" * n + "b", "(a*)*(a|aa)*c"))


def test_against_python() -> None:
    """Where both have the same syntax, on random patterns over a small alphabet."""
    rng = np.random.default_rng(0)
    pieces = ["a", "b", ".", "[ab]", "[^a]", "(a|b)", "(ab|b)", "(?:ba)", "a*", "b+", "a?", "(b|aa)*?", "(a*b)+", "b{2}", "a{1,2}", "^", "$", r"\b"]  # fmt: skip
    texts = ["".join(rng.choice(list("abc"), rng.integers(0, 9))) for _ in range(40)]
    for _ in range(150):
        pattern = "".join(rng.choice(pieces, rng.integers(1, 5)))
        if rng.random() < 0.3:
            pattern += "|" + rng.choice(pieces)
        got = tf.strings.regex_full_match(texts, pattern).numpy().tolist()
        assert got == [re.fullmatch(pattern, t) is not None for t in texts], pattern
        first = tf.strings.regex_replace(texts, pattern, r"<\0>", replace_global=False)
        want = [re.sub(pattern, r"<\g<0>>", t, count=1) for t in texts]
        assert [s.decode() for s in first.numpy()] == want, pattern
