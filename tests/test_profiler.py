"""Profiles, TensorFlow's run metadata, and the memory plan."""

from __future__ import annotations

import json
import pathlib
import re
import threading
import time
from typing import Any

import numpy as np
import pytest

import thalweg.compat.v1 as tf
import thalweg.profiler
from thalweg.client import timeline

DOC = pathlib.Path(__file__).resolve().parent.parent / "docs" / "profiler.md"


@pytest.fixture(autouse=True)
def fresh_graph():
    with tf.Graph().as_default():
        yield


def product(n: int = 256) -> tuple[Any, Any, dict[Any, Any]]:
    """x @ w, and the same through relu: one step each, the second named for its last node."""
    x, w = (tf.placeholder(tf.float32, [n, n], name) for name in ("x", "w"))
    y = tf.matmul(x, w, name="product")
    data = np.ones((n, n), np.float32)
    return y, tf.nn.relu(y, name="relu"), {x: data, w: data}


def test_a_profile_counts_runs_steps_operations_and_bytes() -> None:
    y, _, feed = product(64)
    with tf.Session() as sess:
        sess.run(y, feed)  # before: not counted
        with thalweg.profiler.Profile(sess) as p:
            for _ in range(5):
                sess.run(y, feed)
        sess.run(y, feed)  # after: not counted
    assert p.run_count == 5
    (step,) = [s for s in p.steps if s.op == "MatMul"]
    assert (step.name, step.count) == ("product", 5)
    assert step.flops == 5 * 2 * 64**3
    assert step.read_bytes == 5 * 2 * 64 * 64 * 4
    assert step.written_bytes == 5 * 64 * 64 * 4
    assert 0 < step.least_ns <= step.total_ns / 5 <= step.most_ns
    assert step.total_ns <= p.run_ns
    assert len(p.runs) == 5


def test_times_are_those_of_the_clock() -> None:
    def slow(x: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return x

    y = tf.py_func(slow, [tf.constant(1.0)], tf.float32)
    with tf.Session() as sess:
        before = time.monotonic_ns()
        with thalweg.profiler.Profile(sess) as p:
            sess.run(y)
        after = time.monotonic_ns()
    (step,) = [s for s in p.steps if s.op.startswith("PyFunc")]
    assert 0.02e9 <= step.total_ns <= after - before
    (run,) = p.runs
    assert before <= run.start_ns <= run.end_ns <= after
    ends = [run.start_ns, *[t for pair in run.steps for t in pair], run.end_ns]
    assert ends == sorted(ends), "steps lie in their run, one after the other"


def test_rates_and_shares_are_plausible() -> None:
    y, _, feed = product(512)
    with tf.Session() as sess:
        p = thalweg.profiler.profile(sess, y, feed, steps=5)
    (total,) = [t for t in p.ops if t.op == "MatMul"]
    assert total.count == 5
    assert total.gflops == pytest.approx(total.flops / total.total_ns)
    peak = thalweg.profiler.machine_peak()
    assert peak is not None
    assert peak.threads >= 1
    assert 1e9 < peak.flops_per_second < 1e14
    assert 1e8 < peak.bytes_per_second < 1e13
    assert thalweg.profiler.machine_peak() == peak, "measured once"
    floor = max(total.flops / peak.flops_per_second, 5 * 3 * 512 * 512 * 4 / peak.bytes_per_second)
    assert total.share_of(peak) == pytest.approx(floor * 1e9 / total.total_ns)


def test_the_same_op_adds_up_and_shapes_are_kept_apart() -> None:
    x = tf.placeholder(tf.float32, [None, 8])
    y = tf.matmul(x, tf.ones([8, 8]))
    z = tf.matmul(y, tf.ones([8, 4]) * 2.0)
    with tf.Session() as sess, thalweg.profiler.Profile(sess) as p:
        sess.run(z, {x: np.ones((2, 8), np.float32)})
        sess.run(z, {x: np.ones((6, 8), np.float32)})
    (total,) = [t for t in p.ops if t.op == "MatMul"]
    assert total.count == 4
    assert total.flops == 2 * (2 + 6) * (8 * 8 + 8 * 4)
    assert {r.signature for r in p.runs} == {0, 1}


def test_tables_name_what_took_longest_first() -> None:
    _, z, feed = product(256)
    with tf.Session() as sess:
        p = thalweg.profiler.profile(sess, z, feed)
    for by in ("step", "op"):
        lines = p.table(by=by).splitlines()
        assert "MatMul" in lines[1], lines
        assert "of peak" in lines[0]
        assert lines[-1].startswith("10 runs of ")
    assert "relu" in str(p)
    assert "more" in p.table(limit=0, peak=False)
    assert "peak" not in p.table(peak=False)
    with pytest.raises(ValueError, match="'step' or 'op', got 'node'"):
        p.table(by="node")  # type: ignore[arg-type]


def test_a_chrome_trace_is_json_with_steps_inside_runs(tmp_path: pathlib.Path) -> None:
    _, z, feed = product(32)
    with tf.Session() as sess:
        p = thalweg.profiler.profile(sess, z, feed, steps=3)
    path = tmp_path / "trace.json"
    p.export_chrome_trace(path)
    events = json.loads(path.read_text())["traceEvents"]
    runs = [e for e in events if e.get("cat") == "run"]
    steps = [e for e in events if e.get("cat") == "step"]
    assert [r["name"] for r in runs] == ["run 0", "run 1", "run 2"]
    assert any(
        s["args"]["node"] == "relu" and s["args"]["flops"] == 2 * 32**3 + 32**2 for s in steps
    )
    for s in steps:
        assert any(
            r["tid"] == s["tid"]
            and r["ts"] <= s["ts"]
            and s["ts"] + s["dur"] <= r["ts"] + r["dur"] + 1e-3
            for r in runs
        )


def test_runs_past_the_room_are_counted_but_not_drawn() -> None:
    y, _, feed = product(8)
    with tf.Session() as sess:
        sess.run(y, feed)
        with thalweg.profiler.Profile(sess, most_events=7) as p:
            for _ in range(20):
                sess.run(y, feed)
    assert p.run_count == 20
    assert len(p.runs) + p.dropped_runs == 20
    assert sum(len(r.steps) for r in p.runs) <= 7


def test_a_step_that_fails_ends_its_run_and_not_the_profile() -> None:
    x = tf.placeholder(tf.float32, [])
    y = tf.check_numerics(tf.log(x), "log") + 1.0
    with tf.Session() as sess, thalweg.profiler.Profile(sess) as p:
        sess.run(y, {x: 1.0})
        with pytest.raises(tf.errors.InvalidArgumentError):
            sess.run(y, {x: -1.0})
        sess.run(y, {x: 2.0})
    assert p.run_count == 2


def test_several_threads_are_profiled_at_once() -> None:
    y, _, feed = product(64)
    with tf.Session() as sess:
        sess.run(y, feed)
        with thalweg.profiler.Profile(sess) as p:
            threads = [
                threading.Thread(target=lambda: [sess.run(y, feed) for _ in range(20)])
                for _ in range(3)
            ]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
    assert p.run_count == 60
    assert len({r.thread for r in p.runs}) >= 1
    assert sum(s.count for s in p.steps if s.op == "MatMul") == 60


def test_operations_of_convolutions_and_their_gradients() -> None:
    x = tf.placeholder(tf.float32, [2, 9, 9, 3])
    w = tf.placeholder(tf.float32, [3, 3, 3, 5])
    y = tf.nn.conv2d(x, w, [1, 2, 2, 1], "VALID")
    grads = tf.gradients(y, [x, w])
    feed = {x: np.ones((2, 9, 9, 3), np.float32), w: np.ones((3, 3, 3, 5), np.float32)}
    with tf.Session() as sess, thalweg.profiler.Profile(sess) as p:
        sess.run([y, *grads], feed)
    expected = 2 * (2 * 4 * 4 * 5) * (3 * 3 * 3)
    convolutions = {t.op: t.flops for t in p.ops if "Conv2D" in t.op}
    assert set(convolutions.values()) == {expected}
    assert len(convolutions) == 3


def test_run_metadata_has_tensorflows_fields() -> None:
    y, z, feed = product(64)
    options = tf.RunOptions(trace_level=tf.RunOptions.FULL_TRACE)
    metadata = tf.RunMetadata()
    with tf.Session() as sess:
        before = time.time_ns() // 1000
        out = sess.run([y, z], feed, options=options, run_metadata=metadata)
        after = time.time_ns() // 1000
    assert out[1].shape == (64, 64)
    (device,) = metadata.step_stats.dev_stats
    assert device.device.endswith("/device:CPU:0")
    (stats,) = [s for s in device.node_stats if "product" in s.node_name]
    assert before - 1000 <= stats.all_start_micros <= after + 1000  # the clocks may be stepped
    assert 0 <= stats.op_end_rel_micros <= stats.all_end_rel_micros <= after - before + 1000
    assert stats.thread_id == threading.get_native_id()
    assert sum(m.total_bytes for m in stats.memory) == 64 * 64 * 4
    trace = json.loads(timeline.Timeline(metadata.step_stats).generate_chrome_trace_format())
    assert any(e["name"] == "MatMul" or "MatMul" in e["name"] for e in trace["traceEvents"])


def test_a_memory_plan_is_what_a_run_uses() -> None:
    x = tf.placeholder(tf.float32, [None, 256])
    w = tf.Variable(tf.ones([256, 256]))
    y = tf.reduce_sum(tf.matmul(tf.matmul(x, w), w))
    feed = {x: np.ones((64, 256), np.float32)}
    with tf.Session() as sess:
        sess.run(w.initializer)
        plan = sess.memory_plan(y, feed)
        sess.run(y, feed)
        (runner, _, _) = sess._prepare(y, feed)
        assert plan.arena_bytes == runner.arena_bytes()
        wider = sess.memory_plan(y, {x: np.ones((128, 256), np.float32)})
    assert plan.complete
    assert plan.variable_bytes == 256 * 256 * 4
    assert plan.feed_bytes == 64 * 256 * 4
    assert plan.arena_bytes >= 2 * 64 * 256 * 4, "both products are needed at one time"
    assert wider.arena_bytes >= 2 * 128 * 256 * 4
    parts = (plan.arena_bytes, plan.outside_bytes, plan.variable_bytes, plan.constant_bytes)
    assert plan.peak_bytes == sum(parts) + plan.feed_bytes
    products = [row for row in plan.intermediates if row.bytes == 64 * 256 * 4]
    assert len(products) == 2
    first, second = products
    assert first.first_step < second.first_step <= first.last_step < second.last_step
    assert first.offset is not None
    assert second.offset is not None
    assert abs(first.offset - second.offset) >= 64 * 256 * 4, "they live at the same time"


def test_values_that_never_meet_share_memory() -> None:
    x = tf.placeholder(tf.float32, [256, 256])
    y = x
    for _ in range(6):
        y = tf.matmul(y, x)
    with tf.Session() as sess:
        plan = sess.memory_plan(tf.reduce_sum(y), {x: np.ones((256, 256), np.float32)})
    assert plan.total_intermediate_bytes >= 6 * 256 * 256 * 4
    assert plan.arena_bytes < 3 * 256 * 256 * 4
    live = [r for r in plan.intermediates if r.offset is not None and not r.shares]
    for a in live:
        for b in live:
            at_once = a.first_step <= b.last_step and b.first_step <= a.last_step
            if a is not b and at_once:
                assert a.offset + a.bytes <= b.offset or b.offset + b.bytes <= a.offset, (a, b)


def test_a_fetched_value_lies_outside_the_arena() -> None:
    y, _, feed = product(64)
    with tf.Session() as sess:
        plan = sess.memory_plan(y, feed)
    assert plan.outside_bytes == 64 * 64 * 4
    (row,) = plan.intermediates
    assert (row.name, row.offset, row.last_step) == ("product:0", None, plan.steps)


def test_memory_plans_print_and_say_when_they_are_incomplete() -> None:
    x = tf.placeholder(tf.float32, [None])
    picked = tf.gather(x, tf.squeeze(tf.where(x > 0.0), [1]))
    with tf.Session() as sess:
        plan = sess.memory_plan(picked * 2.0, {x: np.ones(10, np.float32)})
        assert not plan.complete
        assert "what depends on data" in str(plan)
        whole = sess.memory_plan(x * 2.0 + 1.0, {x: np.ones(1000, np.float32)})
    text = str(whole)
    assert text.startswith(f"peak {whole.peak_bytes:,} bytes: arena ")
    assert "4,000" in text
    assert f"peak_bytes={whole.peak_bytes}" in repr(whole)


def test_the_page_about_the_profiler_runs(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL):
        exec(code, names)
    names["session"].close()
    assert json.loads((tmp_path / "trace.json").read_text())["traceEvents"]
    assert json.loads((tmp_path / "timeline.json").read_text())["traceEvents"]
    assert "MatMul" in capsys.readouterr().out
