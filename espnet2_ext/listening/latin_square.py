"""Orders in which no condition has the advantage of its place."""


def williams_square(size: int) -> list[list[int]]:
    """Return orders of ``range(size)``: ``size`` of them, twice as many for odd sizes above 1.

    Over all orders every number stands equally often in every place, and follows every
    other number equally often, so that neither tiredness nor contrast with the recording
    before favours a system.

    Args:
        size: at least 1.

    Raises:
        ValueError: a size below 1.

    Source: Williams, "Experimental designs balanced for the estimation of residual
        effects of treatments", Australian Journal of Scientific Research 2, 1949.
    """
    if size < 1:
        raise ValueError(f"a square needs a size of at least 1, got {size}")
    first, low, high = [0], 1, size - 1
    while low <= high:
        first.append(low)
        if low < high:
            first.append(high)
        low, high = low + 1, high - 1
    rows = [[(number + shift) % size for number in first] for shift in range(size)]
    # For odd sizes only the mirrored orders complete the balance of neighbours.
    return rows + [row[::-1] for row in rows] if size % 2 and size > 1 else rows
