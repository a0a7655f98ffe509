"""Which precision matrix products have: the parameters' own, or autocast's."""

import torch


def product_dtype(parameter: torch.Tensor) -> torch.dtype:
    """Return the dtype that autocast, where it is on, would multiply this parameter in."""
    device = parameter.device.type
    if torch.is_autocast_enabled(device) and parameter.dtype == torch.float32:
        return torch.get_autocast_dtype(device)
    return parameter.dtype
