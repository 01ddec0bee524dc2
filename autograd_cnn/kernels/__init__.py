"""Arrays in, arrays out: the only place that knows of memory order, blocks and scratch.

Images are logically (N, C, H, W) everywhere. In memory they are stored as rows, (H, C, W, N) with the batch
innermost, and handed out as transposed views: ufuncs keep that order by themselves, and every copy and
every matrix product in a convolution or pooling then runs over long contiguous stretches.
"""

from autograd_cnn.kernels.blas import one_thread, with_one_thread
from autograd_cnn.kernels.channelwise import moments, normalize, normalize_grad
from autograd_cnn.kernels.conv import conv2d, conv2d_grad_input, conv2d_grad_weight
from autograd_cnn.kernels.layout import memory_order, read_only, reshape
from autograd_cnn.kernels.memory import keep_freed_memory, return_freed_memory
from autograd_cnn.kernels.pool import (
    avg_pool2d,
    avg_pool2d_grad,
    max_pool2d,
    max_pool2d_grad,
    max_pool2d_pick,
    max_pool2d_winners,
)
from autograd_cnn.kernels.rectifier import relu, relu_grad
from autograd_cnn.kernels.sums import mean, sum
from autograd_cnn.kernels.threads import get_num_threads, set_num_threads
from autograd_cnn.kernels.window import Pair, Window

__all__ = [
    "Pair",
    "Window",
    "avg_pool2d",
    "avg_pool2d_grad",
    "conv2d",
    "conv2d_grad_input",
    "conv2d_grad_weight",
    "get_num_threads",
    "keep_freed_memory",
    "max_pool2d",
    "max_pool2d_grad",
    "max_pool2d_pick",
    "max_pool2d_winners",
    "mean",
    "memory_order",
    "moments",
    "normalize",
    "normalize_grad",
    "one_thread",
    "read_only",
    "relu",
    "relu_grad",
    "reshape",
    "return_freed_memory",
    "set_num_threads",
    "sum",
    "with_one_thread",
]
