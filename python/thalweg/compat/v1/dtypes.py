"""`tf.dtypes`: the root's, which has had nothing added or taken away."""

from thalweg.dtypes import *  # noqa: F403
