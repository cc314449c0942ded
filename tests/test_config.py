"""tf.config, each test in a process of its own: settings are the process's."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def run(program: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", "import thalweg as tf\n" + textwrap.dedent(program)],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


RAISES = """
def raises(error, function, *args):
    try:
        function(*args)
    except error as e:
        return str(e)
    raise AssertionError(f"{function} did not raise {error}")
cpu = tf.config.list_physical_devices("CPU")[0]
"""


def test_devices() -> None:
    assert run("print(tf.config.list_physical_devices('CPU'))") == (
        "[PhysicalDevice(name='/physical_device:CPU:0', device_type='CPU')]"
    )
    assert run("print(tf.config.list_logical_devices('CPU'))") == (
        "[LogicalDevice(name='/device:CPU:0', device_type='CPU')]"
    )
    assert run(
        "print(tf.config.list_physical_devices('TPU'), tf.config.get_visible_devices('CPU')[0].name)"
    ) == ("[] /physical_device:CPU:0")


def test_several_logical_cpus() -> None:
    assert (
        run(
            RAISES
            + """
two = [tf.config.LogicalDeviceConfiguration()] * 2
assert tf.config.get_logical_device_configuration(cpu) is None
tf.config.set_logical_device_configuration(cpu, two)
assert tf.config.get_logical_device_configuration(cpu) == two
assert "memory limit" in raises(
    ValueError, tf.config.set_logical_device_configuration, cpu,
    [tf.config.LogicalDeviceConfiguration(memory_limit=100)])
print([d.name for d in tf.config.list_logical_devices("CPU")])
tf.config.set_logical_device_configuration(cpu, two)  # the same again is no change
assert "cannot be modified" in raises(
    RuntimeError, tf.config.set_logical_device_configuration, cpu, two[:1])
"""
        )
        == "['/device:CPU:0', '/device:CPU:1']"
    )


def test_visible_devices() -> None:
    run(
        RAISES
        + """
gpu = tf.config.PhysicalDevice("/physical_device:GPU:99", "GPU")
assert "Unrecognized device" in raises(ValueError, tf.config.set_visible_devices, gpu)
assert "Unrecognized device" in raises(ValueError, tf.config.set_visible_devices, "x")
assert "Unrecognized device" in raises(ValueError, tf.config.set_visible_devices, cpu, "GPU")
tf.config.set_visible_devices([], "GPU")
tf.config.set_visible_devices(cpu, "CPU")
assert tf.config.get_visible_devices() == [cpu]
raises(NotImplementedError, tf.config.set_visible_devices, [], "CPU")
tf.config.list_logical_devices()
assert "cannot be modified" in raises(RuntimeError, tf.config.set_visible_devices, [], "CPU")
"""
    )


def test_threads() -> None:
    run(
        RAISES
        + """
threads = tf.config.threading
assert (threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()) == (0, 0)
threads.set_intra_op_parallelism_threads(3)
threads.set_intra_op_parallelism_threads(1)
threads.set_intra_op_parallelism_threads(3)
threads.set_inter_op_parallelism_threads(2)
assert (threads.get_intra_op_parallelism_threads(), threads.get_inter_op_parallelism_threads()) == (3, 2)
raises(ValueError, threads.set_intra_op_parallelism_threads, -1)
tf.config.list_logical_devices()
threads.set_intra_op_parallelism_threads(3)
assert "Intra op" in raises(RuntimeError, threads.set_intra_op_parallelism_threads, 4)
assert "Inter op" in raises(RuntimeError, threads.set_inter_op_parallelism_threads, 4)
"""
    )


def test_memory_growth() -> None:
    run(
        RAISES
        + """
experimental = tf.config.experimental
assert "non-GPU" in raises(ValueError, experimental.set_memory_growth, cpu, True)
assert experimental.get_memory_growth(cpu) is None
assert experimental.list_physical_devices("CPU") == [cpu]
assert experimental.VirtualDeviceConfiguration is tf.config.LogicalDeviceConfiguration
"""
    )


def test_switches() -> None:
    run(
        RAISES
        + """
assert tf.config.get_soft_device_placement() is True
tf.config.set_soft_device_placement(False)
assert tf.config.get_soft_device_placement() is False
assert tf.config.functions_run_eagerly() is False
tf.config.run_functions_eagerly(True)
assert tf.config.functions_run_eagerly() is True
assert tf.config.optimizer.get_jit() == ""
tf.config.optimizer.set_jit(False)
raises(NotImplementedError, tf.config.optimizer.set_jit, True)
"""
    )


def test_the_number_of_threads_is_kept_to() -> None:
    program = """
import os
import numpy  # has threads of its own
before = len(os.listdir("/proc/self/task"))
tf.config.threading.set_intra_op_parallelism_threads({})
x = tf.ones([512, 512])
for _ in range(20):
    x = tf.matmul(x, x) * 1e-3
print(len(os.listdir("/proc/self/task")) - before)
"""
    assert run(program.format(1)) == "0"
    assert run(program.format(3)) == "2"


def test_threads_that_work_already() -> None:
    run(
        RAISES
        + """
tf.matmul(tf.ones([512, 512]), tf.ones([512, 512]))
assert "cannot be modified" in raises(
    RuntimeError, tf.config.threading.set_intra_op_parallelism_threads, 2)
"""
    )
