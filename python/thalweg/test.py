"""`tf.test`: test cases, and what the machine has."""

from __future__ import annotations

from thalweg.platform.test import (
    TestCase,
    gpu_device_name,
    is_built_with_cuda,
    is_gpu_available,
    main,
)

__all__ = [
    "TestCase",
    "gpu_device_name",
    "is_built_with_cuda",
    "is_gpu_available",
    "main",
]
