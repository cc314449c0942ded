"""Checkpoint files: TensorFlow's are read, what is written reads back, and the file "checkpoint"."""

from __future__ import annotations

import os
import pathlib
import threading

import numpy as np
import pytest

from thalweg import _core
from thalweg.framework import errors
from thalweg.framework.dtypes import as_dtype
from thalweg.framework.text_format import message_text
from thalweg.framework.text_parse import ParseError, parse_text
from thalweg.train.checkpoint_reader import (
    CheckpointReader,
    list_variables,
    load_checkpoint,
    load_variable,
)
from thalweg.train.checkpoint_state import (
    CheckpointState,
    checkpoints_iterator,
    generate_checkpoint_state_proto,
    get_checkpoint_mtimes,
    get_checkpoint_state,
    latest_checkpoint,
    remove_checkpoint,
    update_checkpoint_state,
)

DATA = pathlib.Path(__file__).resolve().parent / "data" / "checkpoints"


def write(prefix, values) -> None:
    writer = _core.BundleWriter(str(prefix))
    for key, value in values.items():
        array = np.asarray(value)
        writer.add(key, array, as_dtype(array.dtype).as_datatype_enum)
    writer.finish()


# --- TensorFlow's files

TYPES = "float16 float32 float64 int8 int16 int32 int64 uint8 uint16 uint32 uint64 complex64 complex128 bool"


def test_every_type_that_tensorflow_writes() -> None:
    reader = load_checkpoint(DATA / "every_type")
    dtypes = reader.get_variable_to_dtype_map()
    for name in TYPES.split():
        assert dtypes[f"{name}/1"].name == name
        np.testing.assert_array_equal(reader.get_tensor(f"{name}/0"), np.ones((), name))
        vector = reader.get_tensor(f"{name}/1")
        assert vector.dtype == name
        np.testing.assert_array_equal(vector, np.array([1, 2, 3]).astype(name))
        assert reader.get_tensor(f"{name}/2").shape == (2, 0)
    bits = reader.get_tensor("bfloat16/1").view(np.uint16)
    np.testing.assert_array_equal(bits, [0x3F80, 0x4000, 0x4040])  # 1, 2, 3
    assert reader.get_tensor("string/0") == b"\xff\x00z"
    assert reader.get_tensor("string/1").tolist() == [b"", "grüß".encode(), b"x" * 200]


def test_several_files() -> None:
    assert list_variables(DATA / "two_shards") == [("a", [4]), ("b", [2]), ("c", [2, 1])]
    reader = CheckpointReader(str(DATA / "two_shards"))
    np.testing.assert_array_equal(reader.get_tensor("a"), np.arange(4, dtype=np.float32))
    assert reader.get_tensor("b").tolist() == [b"x", b"yy"]
    np.testing.assert_array_equal(reader.get_tensor("c"), [[True], [False]])
    assert reader.debug_string() == b"a (DT_FLOAT) [4]\nb (DT_STRING) [2]\nc (DT_BOOL) [2,1]\n"


def test_variables_in_parts_are_put_together() -> None:
    reader = load_checkpoint(DATA / "partitioned")
    assert reader.get_variable_to_shape_map() == {"names": [3], "part": [10, 3], "wide": [2, 200]}
    np.testing.assert_array_equal(reader.get_tensor("part"), np.arange(30).reshape(10, 3))
    np.testing.assert_array_equal(reader.get_tensor("wide"), np.arange(400.0).reshape(2, 200))


def test_what_is_written_has_tensorflows_bytes(tmp_path) -> None:
    """The same values in the same order give the same files."""
    reader = _core.BundleReader(str(DATA / "every_type"))
    writer = _core.BundleWriter(str(tmp_path / "again"))
    names = [f"{t}/{i}" for t in ["bfloat16", *TYPES.split()] for i in range(3)]
    for key in [*names, "string/0", "string/1"]:
        writer.add(key, np.asarray(reader.read(key)), reader.dtype(key))
    writer.finish()
    for suffix in (".data-00000-of-00001", ".index"):
        ours, theirs = (tmp_path / f"again{suffix}"), (DATA / f"every_type{suffix}")
        assert ours.read_bytes() == theirs.read_bytes()


# --- our own

ARRAYS = {
    "scalar": np.float32(2.5),
    "transposed": np.arange(6.0).reshape(2, 3).T,
    "strided": np.arange(10)[::3],
    "big_endian": np.arange(4, dtype=">i4"),
    "empty": np.zeros((0, 3), np.float16),
    "text": np.array(["a", "grüß"], dtype=object),
    "large": np.arange(3_000_000, dtype=np.float64),
}


def test_arrays_round_trip(tmp_path) -> None:
    prefix = tmp_path / "x"
    write(prefix, {k: v for k, v in ARRAYS.items() if k != "text"} | {"text": ARRAYS["text"]})
    for key, value in ARRAYS.items():
        expected = np.array([b"a", "grüß".encode()], object) if key == "text" else value
        np.testing.assert_array_equal(load_variable(prefix, key), expected)
    assert sorted(os.listdir(tmp_path)) == ["x.data-00000-of-00001", "x.index"]


def test_arrays_that_are_read_are_the_callers(tmp_path) -> None:
    write(tmp_path / "x", {"a": np.arange(5)})
    reader = load_checkpoint(tmp_path / "x")
    reader.get_tensor("a")[:] = 7
    np.testing.assert_array_equal(reader.get_tensor("a"), np.arange(5))


def test_nothing_appears_before_the_end(tmp_path) -> None:
    writer = _core.BundleWriter(str(tmp_path / "x"))
    writer.add("a", np.arange(5), 9)
    assert not (tmp_path / "x.data-00000-of-00001").exists()
    del writer
    assert os.listdir(tmp_path) == []


def test_threads_may_read_at_a_time(tmp_path) -> None:
    values = {f"v{i}": np.full(200_000, i, np.int32) for i in range(16)}
    write(tmp_path / "x", values)
    reader = load_checkpoint(tmp_path / "x")
    failed = []

    def work(i: int) -> None:
        if not (reader.get_tensor(f"v{i}") == i).all():
            failed.append(i)

    threads = [threading.Thread(target=work, args=(i % 16,)) for i in range(32)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert failed == []


def test_errors_name_what_is_wrong(tmp_path) -> None:
    write(tmp_path / "x", {"a": np.arange(5, dtype=np.float32)})
    data = tmp_path / "x.data-00000-of-00001"
    with pytest.raises(errors.NotFoundError, match="Key nobody not found in checkpoint"):
        load_variable(tmp_path / "x", "nobody")
    with pytest.raises(errors.NotFoundError, match="Failed to find any matching files for "):
        load_checkpoint(tmp_path / "y")
    whole = data.read_bytes()
    data.write_bytes(whole[:7])
    with pytest.raises(
        errors.OutOfRangeError, match="Read less bytes than requested: 'a' at byte 0"
    ):
        load_variable(tmp_path / "x", "a")
    data.write_bytes(b"\xff" + whole[1:])
    with pytest.raises(
        errors.DataLossError, match=r"shard 0 \(20 bytes\): Checksum does not match"
    ):
        load_variable(tmp_path / "x", "a")
    index = tmp_path / "x.index"
    index.write_bytes(index.read_bytes()[:-1] + b"?")
    with pytest.raises(errors.DataLossError, match=r"x.index: not an sstable \(bad magic number\)"):
        load_checkpoint(tmp_path / "x")
    with pytest.raises(ValueError, match="Couldn't find 'checkpoint' file or checkpoints in given"):
        load_checkpoint(tmp_path)
    (tmp_path / "old").write_bytes(b"?")
    with pytest.raises(
        errors.UnimplementedError, match="checkpoints of format V1 are not supported"
    ):
        load_checkpoint(tmp_path / "old")


# --- the file "checkpoint"


def test_state_is_written_as_tensorflow_writes_it(tmp_path) -> None:
    update_checkpoint_state(tmp_path, str(tmp_path / "c-2"), [str(tmp_path / "c-1")])
    assert (tmp_path / "checkpoint").read_text() == (
        f'model_checkpoint_path: "{tmp_path}/c-2"\n'
        f'all_model_checkpoint_paths: "{tmp_path}/c-1"\n'
        f'all_model_checkpoint_paths: "{tmp_path}/c-2"\n'
    )
    with pytest.raises(RuntimeError, match="conflicts with path used for checkpoint state"):
        update_checkpoint_state(tmp_path, str(tmp_path / "checkpoint"))


def test_paths_are_relative_to_a_relative_folder() -> None:
    state = generate_checkpoint_state_proto("d", "d/c-1", ["d/c-0", "/abs/b", "d/c-1"])
    assert state.model_checkpoint_path == "c-1"
    assert list(state.all_model_checkpoint_paths) == ["c-0", "/abs/b", "c-1"]
    with pytest.raises(ValueError, match="must match checkpoint paths"):
        generate_checkpoint_state_proto("d", "d/c", ["d/b", "d/c"], [1.0])


def test_state_is_found_where_the_folder_is(tmp_path, monkeypatch) -> None:
    (tmp_path / "a").mkdir()
    write(tmp_path / "a" / "c-1", {"x": 1.0})
    update_checkpoint_state(tmp_path / "a", "c-1", latest_filename="mine")
    (tmp_path / "a").rename(tmp_path / "b")
    assert latest_checkpoint(tmp_path / "b", "mine") == str(tmp_path / "b" / "c-1")
    assert latest_checkpoint(tmp_path / "b") is None
    monkeypatch.chdir(tmp_path)
    assert latest_checkpoint("b", "mine") == "b/c-1"
    assert get_checkpoint_state("nowhere") is None


def test_states_that_cannot_be_used(tmp_path, caplog) -> None:
    path = tmp_path / "checkpoint"
    path.write_text('model_checkpoint_path: "gone"')
    assert latest_checkpoint(tmp_path) is None
    assert f"Couldn't match files for checkpoint {tmp_path}/gone" in caplog.text
    path.write_text("nonsense {")
    assert get_checkpoint_state(tmp_path) is None
    shown = caplog.text
    assert '1:1 : Message type "CheckpointState" has no field named "nonsense".' in shown
    assert f"{path}: Checkpoint ignored" in shown
    path.write_text('all_model_checkpoint_paths: "a"')
    with pytest.raises(ValueError, match="Invalid checkpoint state loaded from"):
        get_checkpoint_state(tmp_path)


def test_removing_takes_one_checkpoint_only(tmp_path) -> None:
    for name in ("c-1", "c-11"):
        write(tmp_path / name, {"x": 1.0})
    (tmp_path / "c-1.meta").write_text("graph")
    assert len(get_checkpoint_mtimes([str(tmp_path / "c-1"), str(tmp_path / "none")])) == 1
    remove_checkpoint(str(tmp_path / "c-1"))
    assert sorted(os.listdir(tmp_path)) == ["c-11.data-00000-of-00001", "c-11.index"]


def test_waiting_for_checkpoints(tmp_path) -> None:
    names = iter(["c-1", "c-2"])
    asked = []

    def next_one() -> bool:
        name = next(names, None)
        asked.append(name)
        if name is not None:
            write(tmp_path / name, {"x": 1.0})
            update_checkpoint_state(tmp_path, str(tmp_path / name))
        return name is None

    found = list(checkpoints_iterator(tmp_path, timeout=0.05, timeout_fn=next_one))
    assert found == [str(tmp_path / "c-1"), str(tmp_path / "c-2")]
    assert asked == ["c-1", "c-2", None]


# --- text format


def test_text_is_read() -> None:
    text = """# how it began
      model_checkpoint_path: 'a' "b\\n\\101\\xe4\\u00e4"  # two pieces
      all_model_checkpoint_timestamps: [1.5, 2e3f]; last_preserved_timestamp: inf,
      all_model_checkpoint_timestamps: -3"""
    with pytest.raises(ParseError, match=r"^2:30 : "):  # \xe4 alone is not UTF-8
        parse_text(text, CheckpointState())
    state = parse_text(text.replace("\\xe4", ""), CheckpointState())
    assert state.model_checkpoint_path == "ab\nAä"
    assert list(state.all_model_checkpoint_timestamps) == [1.5, 2000.0, -3.0]
    assert state.last_preserved_timestamp == float("inf")
    assert parse_text(message_text(state), CheckpointState()) == state


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("model_checkpoint_path", '1:22 : expected ":"'),
        ("model_checkpoint_path:", "1:23 : expected a string"),
        ("\n model_checkpoint_path: 3", "2:25 : expected a string"),
        ('last_preserved_timestamp: "3"', '"last_preserved_timestamp" takes double, not a string'),
        ("last_preserved_timestamp: x", "1:27 : expected a double"),
        ("all_model_checkpoint_timestamps: [1", "expected"),
        ('model_checkpoint_path: "open', "1:24 : a character that begins nothing"),
        ("}", 'expected a field\'s name, got "}"'),
    ],
)
def test_text_that_is_no_message_names_the_place(text: str, message: str) -> None:
    with pytest.raises(ParseError) as error:
        parse_text(text, CheckpointState())
    assert message in str(error.value)
