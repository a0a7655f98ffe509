"""The goals: one table of names and bounds, so that no benchmark carries its own."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Goal:
    """A bound on a figure, by device.

    Attributes:
        what: what is bounded.
        sign: ``>=`` or ``<=``.
        cpu: bound on two CPU cores; None for no goal there.
        cuda: bound on one H200; None for no goal there.
    """

    what: str
    sign: str
    cpu: float | None = None
    cuda: float | None = None

    def bound(self, device: str) -> float | None:
        """Return the bound for ``cpu`` or ``cuda``."""
        return self.cpu if device == "cpu" else self.cuda


GOALS = {
    "G1": Goal("fast over naive, forward and backward", ">=", 2.0, 4.0),
    "G1 graph": Goal("captured over naive, forward and backward", ">=", None, 10.0),
    "G2": Goal("fast over ESPnet, time of a step", ">=", 1.5, 3.0),
    "G2 graph": Goal("captured over ESPnet, time of a step", ">=", None, 8.0),
    "G3": Goal("backward over forward of the attention loop, time", "<=", 1.5, 2.0),
    "G4": Goal("operations a step, forward and backward", "<=", 60.0, 50.0),
    "G5": Goal("training, mel frames a second", ">=", None, 150_000.0),
    "G6": Goal("peak activation memory over naive", "<=", 0.3, 0.3),
    "G7": Goal("parallel scheduled sampling over teacher forcing, time", "<=", 1.5, 1.5),
    "G8": Goal("HuBERT with assignment over HuBERT alone, time", "<=", 1.02, 1.02),
    "G8 stop": Goal("HuBERT stopped at the clustered layer, speed", ">=", 1.3, 1.3),
    "G9": Goal("k-means, peak memory over size of all features", "<=", 0.1, 0.1),
    "G9 inertia": Goal("k-means, inertia over that of all features", "<=", 1.01, 1.01),
    "G11": Goal("generation with vocoder, real-time factor", "<=", 1.0, 0.05),
    "G11 batch": Goal("generation, batch of 16 over one, throughput", ">=", 3.0, 8.0),
    "G12": Goal("waiting for the loader, share of a step", "<=", 0.10, 0.05),
}


def against(name: str, value: float, device: str) -> dict[str, str | bool | None]:
    """Return the fields ``goal`` and ``is_met`` of a Row; empty where the device has no bound.

    Args:
        name: key of GOALS.
        value: the figure.
        device: ``cpu`` or ``cuda``.
    """
    goal = GOALS[name]
    bound = goal.bound(device)
    if bound is None:
        return {"goal": "", "is_met": None}
    is_met = value >= bound if goal.sign == ">=" else value <= bound
    return {"goal": f"{name} {goal.sign} {bound:g}", "is_met": is_met}
