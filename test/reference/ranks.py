"""Two processes that train a prosody encoder together, as ESPnet's trainer has them do."""

from pathlib import Path

import torch
from torch import distributed, multiprocessing, nn

from espnet2_ext.prosody2vec.encoders import ProsodyEncoder

ENCODER = {
    "mel_dim": 6,
    "channels": 8,
    "aggregation_channels": 12,
    "attention_channels": 5,
    "bottleneck_channels": 4,
    "res2net_scale": 4,
    "output_dim": 3,
}


def train(
    shares: list[tuple[torch.Tensor, torch.Tensor]], updates: int, folder: Path
) -> list[dict[str, torch.Tensor]]:
    """Return each rank's weights, statistics, gradients (``grad:NAME``) and vectors.

    Args:
        shares: one a rank: mels (B, T, 6) and lengths (B,), the same at each update.
        updates: how many.
        folder: for files between the processes.
    """
    multiprocessing.spawn(_rank, (shares, updates, folder), nprocs=len(shares))
    return [torch.load(folder / f"rank{rank}.pt") for rank in range(len(shares))]


def train_alone(mels: torch.Tensor, lengths: torch.Tensor, updates: int) -> dict[str, torch.Tensor]:
    """Return what one process has after training on the batch."""
    return _trained(_encoder(), mels, lengths, updates, 1.0)


def _encoder() -> nn.Module:
    torch.manual_seed(0)
    return ProsodyEncoder(**ENCODER).double().train()


def _rank(rank: int, shares: list, updates: int, folder: Path) -> None:
    torch.set_num_threads(1)
    store = f"file://{folder}/store"
    distributed.init_process_group("gloo", init_method=store, rank=rank, world_size=len(shares))
    mels, lengths = shares[rank]
    total = torch.tensor(len(mels))
    distributed.all_reduce(total)
    encoder = nn.parallel.DistributedDataParallel(_encoder())
    # DDP takes the mean over ranks; ESPnet weights the ranks' losses by their batches.
    weight = len(shares) * len(mels) / int(total)
    result = _trained(encoder, mels, lengths, updates, weight)
    # An eval pass that only one of the processes runs must wait for no other.
    if rank == 0:
        with torch.no_grad():
            encoder.module.eval()(mels, lengths)
    torch.save(result, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


def _trained(
    encoder: nn.Module, mels: torch.Tensor, lengths: torch.Tensor, updates: int, weight: float
) -> dict[str, torch.Tensor]:
    optimizer = torch.optim.SGD(encoder.parameters(), lr=0.1)
    for _ in range(updates):
        optimizer.zero_grad()
        vectors = encoder(mels, lengths)
        (weight * vectors.sigmoid().square().sum(dim=1).mean()).backward()
        optimizer.step()
    plain = getattr(encoder, "module", encoder)
    gradients = {f"grad:{name}": each.grad for name, each in plain.named_parameters()}
    return {**plain.state_dict(), **gradients, "vectors": vectors.detach()}
