"""The protocol messages of event files: Summary, Event and what they hold."""

from __future__ import annotations

from thalweg.framework.graph_pb import TensorProto
from thalweg.framework.proto import Field, Message


class HistogramProto(Message):
    """Counts of values in buckets; bucket_limit[i] is the upper edge of bucket[i]."""

    fields = (
        Field(1, "min", "double"),
        Field(2, "max", "double"),
        Field(3, "num", "double"),
        Field(4, "sum", "double"),
        Field(5, "sum_squares", "double"),
        Field(6, "bucket_limit", "double", repeated=True),
        Field(7, "bucket", "double", repeated=True),
    )


class SummaryImage(Message):
    """An encoded picture; colorspace is the number of channels."""

    fields = (
        Field(1, "height", "int32"),
        Field(2, "width", "int32"),
        Field(3, "colorspace", "int32"),
        Field(4, "encoded_image_string", "bytes"),
    )


class PluginData(Message):
    """Which TensorBoard plugin shows a value."""

    fields = (Field(1, "plugin_name", "string"), Field(2, "content", "bytes"))


class SummaryMetadata(Message):
    """How a value is to be shown."""

    fields = (
        Field(1, "plugin_data", PluginData),
        Field(2, "display_name", "string"),
        Field(3, "summary_description", "string"),
    )


class SummaryValue(Message):
    """One tagged value."""

    fields = (
        Field(7, "node_name", "string"),
        Field(1, "tag", "string"),
        Field(9, "metadata", SummaryMetadata),
        Field(2, "simple_value", "float", oneof="value"),
        Field(4, "image", SummaryImage, oneof="value"),
        Field(5, "histo", HistogramProto, oneof="value"),
        Field(8, "tensor", TensorProto, oneof="value"),
    )


class Summary(Message):
    """The values of one step."""

    fields = (Field(1, "value", SummaryValue, repeated=True),)
    Value = SummaryValue
    Image = SummaryImage


class TaggedRunMetadata(Message):
    """The metadata of one traced run."""

    fields = (Field(1, "tag", "string"), Field(2, "run_metadata", "bytes"))


class SessionLog(Message):
    """Start, stop or checkpoint of a session."""

    STATUS_UNSPECIFIED, START, STOP, CHECKPOINT = range(4)
    fields = (
        Field(1, "status", "enum"),
        Field(2, "checkpoint_path", "string"),
        Field(3, "msg", "string"),
    )


class Event(Message):
    """One record of an event file."""

    fields = (
        Field(1, "wall_time", "double"),
        Field(2, "step", "int64"),
        Field(3, "file_version", "string", oneof="what"),
        Field(4, "graph_def", "bytes", oneof="what"),
        Field(5, "summary", Summary, oneof="what"),
        Field(7, "session_log", SessionLog, oneof="what"),
        Field(8, "tagged_run_metadata", TaggedRunMetadata, oneof="what"),
        Field(9, "meta_graph_def", "bytes", oneof="what"),
    )


class MetaInfoDef(Message):
    """Which program wrote a graph."""

    fields = (
        Field(1, "meta_graph_version", "string"),
        Field(4, "tags", "string", repeated=True),
        Field(5, "tensorflow_version", "string"),
    )


class MetaGraphDef(Message):
    """A graph with what belongs to it; event files need no more than this."""

    fields = (Field(1, "meta_info_def", MetaInfoDef), Field(2, "graph_def", "bytes"))
