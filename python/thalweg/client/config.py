"""ConfigProto, RunOptions and RunMetadata: TensorFlow's field names, all of them accepted, some of
them used.
"""

from __future__ import annotations

import threading
import time

from thalweg.framework.graph_pb import GraphDef
from thalweg.framework.proto import Field, Message


class GPUOptions(Message):
    fields = (
        Field(1, "per_process_gpu_memory_fraction", "double"),
        Field(4, "allow_growth", "bool"),
        Field(2, "allocator_type", "string"),
        Field(3, "deferred_deletion_bytes", "int64"),
        Field(5, "visible_device_list", "string"),
        Field(6, "polling_active_delay_usecs", "int32"),
        Field(7, "polling_inactive_delay_msecs", "int32"),
        Field(8, "force_gpu_compatible", "bool"),
    )


class RewriterConfig(Message):
    _TOGGLE = {"DEFAULT": 0, "ON": 1, "OFF": 2, "AGGRESSIVE": 3}
    fields = (
        Field(50, "cpu_layout_conversion", "enum", enum=_TOGGLE),
        Field(1, "layout_optimizer", "enum", enum=_TOGGLE),
        Field(3, "constant_folding", "enum", enum=_TOGGLE),
        Field(13, "shape_optimization", "enum", enum=_TOGGLE),
        Field(14, "remapping", "enum", enum=_TOGGLE),
        Field(7, "arithmetic_optimization", "enum", enum=_TOGGLE),
        Field(8, "dependency_optimization", "enum", enum=_TOGGLE),
        Field(9, "loop_optimization", "enum", enum=_TOGGLE),
        Field(10, "function_optimization", "enum", enum=_TOGGLE),
        Field(2, "disable_model_pruning", "bool"),
        Field(19, "disable_meta_optimizer", "bool"),
        Field(12, "meta_optimizer_iterations", "enum"),
        Field(4, "memory_optimization", "enum"),
        Field(100, "optimizers", "string", repeated=True),
    )


class OptimizerOptions(Message):
    fields = (
        Field(1, "do_common_subexpression_elimination", "bool"),
        Field(2, "do_constant_folding", "bool"),
        Field(6, "max_folded_constant_in_bytes", "int64"),
        Field(4, "do_function_inlining", "bool"),
        Field(3, "opt_level", "enum", enum={"L1": 0, "L0": -1}),
        Field(
            *(5, "global_jit_level", "enum"), enum={"DEFAULT": 0, "OFF": -1, "ON_1": 1, "ON_2": 2}
        ),
    )


class GraphOptions(Message):
    fields = (
        Field(2, "enable_recv_scheduling", "bool"),
        Field(3, "optimizer_options", OptimizerOptions),
        Field(4, "build_cost_model", "int64"),
        Field(9, "build_cost_model_after", "int64"),
        Field(5, "infer_shapes", "bool"),
        Field(6, "place_pruned_graph", "bool"),
        Field(7, "enable_bfloat16_sendrecv", "bool"),
        Field(8, "timeline_step", "int32"),
        Field(10, "rewrite_options", RewriterConfig),
    )


class ThreadPoolOptionProto(Message):
    fields = (Field(1, "num_threads", "int32"), Field(2, "global_name", "string"))


class JobDef(Message):
    fields = (Field(1, "name", "string"), Field(2, "tasks", "string", key="int32"))


class ClusterDef(Message):
    fields = (Field(1, "job", JobDef, repeated=True),)


class ConfigProto(Message):
    """How a session runs. Used: device_count, intra_op_parallelism_threads, allow_soft_placement,
    log_device_placement, operation_timeout_in_ms and optimizer_options.opt_level."""

    fields = (
        Field(1, "device_count", "int32", key="string"),
        Field(2, "intra_op_parallelism_threads", "int32"),
        Field(5, "inter_op_parallelism_threads", "int32"),
        Field(9, "use_per_session_threads", "bool"),
        Field(12, "session_inter_op_thread_pool", ThreadPoolOptionProto, repeated=True),
        Field(3, "placement_period", "int32"),
        Field(4, "device_filters", "string", repeated=True),
        Field(6, "gpu_options", GPUOptions),
        Field(7, "allow_soft_placement", "bool"),
        Field(8, "log_device_placement", "bool"),
        Field(10, "graph_options", GraphOptions),
        Field(11, "operation_timeout_in_ms", "int64"),
        Field(14, "cluster_def", ClusterDef),
        Field(15, "isolate_session_state", "bool"),
    )


class RunOptions(Message):
    """One run: trace_level fills RunMetadata, timeout_in_ms cancels."""

    _LEVELS = {"NO_TRACE": 0, "SOFTWARE_TRACE": 1, "HARDWARE_TRACE": 2, "FULL_TRACE": 3}
    fields = (
        Field(1, "trace_level", "enum", enum=_LEVELS),
        Field(2, "timeout_in_ms", "int64"),
        Field(3, "inter_op_thread_pool", "int32"),
        Field(5, "output_partition_graphs", "bool"),
        Field(7, "report_tensor_allocations_upon_oom", "bool"),
    )


class AllocatorMemoryUsed(Message):
    fields = (
        Field(1, "allocator_name", "string"),
        Field(2, "total_bytes", "int64"),
        Field(3, "peak_bytes", "int64"),
        Field(4, "live_bytes", "int64"),
    )


class NodeExecStats(Message):
    fields = (
        Field(1, "node_name", "string"),
        Field(2, "all_start_micros", "int64"),
        Field(3, "op_start_rel_micros", "int64"),
        Field(4, "op_end_rel_micros", "int64"),
        Field(5, "all_end_rel_micros", "int64"),
        Field(6, "memory", AllocatorMemoryUsed, repeated=True),
        Field(8, "timeline_label", "string"),
        Field(9, "scheduled_micros", "int64"),
        Field(10, "thread_id", "uint32"),
    )


class DeviceStepStats(Message):
    fields = (Field(1, "device", "string"), Field(2, "node_stats", NodeExecStats, repeated=True))


class StepStats(Message):
    fields = (Field(1, "dev_stats", DeviceStepStats, repeated=True),)


class RunMetadata(Message):
    """What a run reported: the time of every node, by device."""

    fields = (
        Field(1, "step_stats", StepStats),
        Field(3, "partition_graphs", GraphDef, repeated=True),
    )


def step_stats(trace: list[tuple[str, str, str, int, int, int]]) -> StepStats:
    """The core's trace of a run, (node, op, device, start, end, bytes) in nanoseconds of the
    monotonic clock, as StepStats: microseconds since the epoch.
    """
    made = StepStats()
    epoch = time.time_ns() - time.monotonic_ns()
    thread = threading.get_native_id()
    devices: dict[str, DeviceStepStats] = {}
    for node, op, device, start, end, size in trace:
        if device not in devices:
            devices[device] = made.dev_stats.add(device=device)
        begin = (start + epoch) // 1000
        took = (end + epoch) // 1000 - begin
        stats = devices[device].node_stats.add(
            node_name=node,
            all_start_micros=begin,
            op_end_rel_micros=took,
            all_end_rel_micros=took,
            timeline_label=f"{node} = {op}()",
            scheduled_micros=begin,
            thread_id=thread,
        )
        stats.memory.add(allocator_name=device, total_bytes=size)
    made.SetInParent()
    return made
