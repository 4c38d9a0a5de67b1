"""Training of one model in several processes, one per GPU."""

from collections.abc import Iterable
from importlib.util import find_spec

import torch
from torch import Tensor, nn


class DistributedContext:
    """Processes that ``accelerate launch`` started; raises ValueError without accelerate.

    Each process draws the same random numbers, takes its share of every batch, and steps
    along the mean of all gradients, so that the weights of all are equal at any time. The
    running statistics of batch normalisation are averaged at every step; it normalises by
    the process's share of the batch.
    """

    def __init__(self) -> None:
        if find_spec("accelerate") is None:
            raise ValueError(
                "device='accelerate' needs the accelerate package: "
                "pip install 'ecgsk[accelerate]', and start with accelerate launch."
            )
        from accelerate import Accelerator

        self._accelerator = Accelerator()
        self.rank = self._accelerator.process_index
        self.n_processes = self._accelerator.num_processes
        self.device = self._accelerator.device

    def average(self, tensors: Iterable[Tensor]) -> None:
        """Set tensors to their mean over the processes, in one message."""
        tensors = list(tensors)
        flat = torch.cat([tensor.reshape(-1).float() for tensor in tensors])
        mean = self._accelerator.reduce(flat, reduction="mean")
        for tensor, values in zip(tensors, mean.split([t.numel() for t in tensors]), strict=True):
            tensor.copy_(values.view_as(tensor))

    @torch.no_grad()
    def average_step(self, module: nn.Module, loss: Tensor) -> None:
        """Average gradients, running statistics and the loss of a step."""
        gradients = [w.grad for w in module.parameters() if w.grad is not None]
        statistics = [tensor for tensor in module.buffers() if tensor.is_floating_point()]
        self.average([*gradients, *statistics, loss])
