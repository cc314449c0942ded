"""String, summary and checkpoint ops: the test files named have their rules."""

from __future__ import annotations

from op_case import Op

STRINGS = """StringJoin AsString StringToNumber StringLower StringUpper StringStrip StringLength Substr ReduceJoin
StringSplit StringSplitV2 StringFormat"""
SUMMARIES = "ScalarSummary HistogramSummary ImageSummary MergeSummary"
CHECKPOINTS = "SaveV2 RestoreV2 ShardedFilename"
ROWS = [Op(name, tested_by="test_strings.py") for name in STRINGS.split()]
ROWS += [Op(name, tested_by="test_summary_ops.py") for name in SUMMARIES.split()]
FILES = "ReadFile WriteFile MatchingFiles DecodeRaw"
ROWS += [Op(name, tested_by="test_files.py") for name in FILES.split()]
ROWS += [Op(name, tested_by="test_saver.py") for name in CHECKPOINTS.split()]
REGEX = "RegexReplace StaticRegexReplace RegexFullMatch StaticRegexFullMatch"
ROWS += [Op(name, tested_by="test_regex.py") for name in REGEX.split()]
