"""Several processes, started by torchrun: who this one is, and their predictions as one batch."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, distributed, nn

__all__ = ["Place", "first_buffers", "gathered", "synchronize", "together"]


@dataclass(frozen=True)
class Place:
    """This process.

    Attributes:
        rank: which one it is.
        world: how many there are.
        local: its number on this machine.
    """

    rank: int = 0
    world: int = 1
    local: int = 0

    @property
    def first(self) -> bool:
        """True for the one that evaluates and writes."""
        return self.rank == 0


@contextmanager
def together(*, cuda: bool) -> Iterator[Place]:
    """Joins the processes that torchrun started and leaves them at the end; alone without torchrun.

    torchrun's environment variables say who is who.
    """
    if "WORLD_SIZE" not in os.environ or int(os.environ["WORLD_SIZE"]) < 2:
        yield Place()
        return
    place = Place(
        int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), int(os.environ["LOCAL_RANK"])
    )
    if cuda:
        torch.cuda.set_device(place.local)
    distributed.init_process_group("nccl" if cuda else "gloo")
    try:
        yield place
        distributed.barrier()  # nobody goes on to read what the first one still writes
    finally:
        distributed.destroy_process_group()


def gathered(own: Tensor, place: Place, counts: list[int]) -> Tensor:
    """Returns the rows of all processes in order of rank.

    The gradient flows through this process's own rows alone.

    Args:
        own: (counts[rank], K).
        counts: rows of every process.
    """
    if place.world == 1:
        return own
    # all_gather wants equal shapes; the padding is cut off again.
    padded = torch.zeros(max(counts), own.shape[1], dtype=own.dtype, device=own.device)
    padded[: len(own)] = own.detach()
    parts = [torch.empty_like(padded) for _ in counts]
    distributed.all_gather(parts, padded)
    rows = [part[:count] for part, count in zip(parts, counts, strict=True)]
    # all_gather carries no gradient, so the own rows go back in with theirs.
    rows[place.rank] = own
    return torch.cat(rows)


def synchronize(net: nn.Module, but: Collection[str] = ()) -> None:
    """Makes the batch normalization of a network see the batches of all processes.

    For GPUs: torch has no such layer for CPUs, where every process normalizes by its own share.

    Args:
        net: is changed.
        but: names of parts whose statistics are frozen.
    """
    for name, part in net.named_children():
        if name not in but:
            setattr(net, name, nn.SyncBatchNorm.convert_sync_batchnorm(part))  # type: ignore[no-untyped-call]


def first_buffers(module: nn.Module, place: Place) -> None:
    """Gives every process the buffers that the first one has."""
    if place.world > 1:
        for value in module.buffers():
            distributed.broadcast(value, 0)
