"""Errors that mean: the device's memory is full."""

import torch


def out_of_memory(error: Exception) -> bool:
    """PyTorch's own error, or cuBLAS failing to get its workspace."""
    return isinstance(error, torch.OutOfMemoryError) or "CUBLAS_STATUS_ALLOC_FAILED" in str(error)
