"""Arrows between modules point one way: no module imports one above it, and none in a circle."""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import espnet2_ext

PACKAGE = Path(espnet2_ext.__file__).parent
LAYERS = (
    {"_compat", "data"},
    {"units", "speaker", "corpora"},
    {"vocoder"},
    {"metrics"},
    {"prosody2vec"},
    {"training", "prosody2vec.task", "vocoder.task"},
    {"conversion", "ser"},
    {"listening"},
    {"report", "api"},
    {"bin"},
)
"""From the lowest; what stands in one layer may import each other. A task ranks with training."""


def layer(module: str) -> int:
    """Return the layer of a module named without the package."""
    names = [".".join(module.split(".")[:count]) for count in (2, 1)]
    return next(i for name in names for i, names in enumerate(LAYERS) if name in names)


def imported(path: Path) -> Iterator[tuple[str, str]]:
    """Yield what a file imports anywhere: the module, and the name from it or nothing."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.module, alias.name) for alias in node.names)


def imports() -> dict[str, set[str]]:
    """Return module to the modules that it imports, all named without the package."""
    files = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    del files["__init__"]
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        inside = [pair for pair in imported(path) if pair[0].split(".")[0] == "espnet2_ext"]
        names = [(base.partition(".")[2], name) for base, name in inside]
        full = [(f"{base}.{name}".removeprefix("."), base) for base, name in names]
        targets = {name if name in files else base for name, base in full}
        found[module] = targets - {module, ""}
    return found


def test_nothing_imports_what_stands_above_it_and_there_is_no_circle() -> None:
    graph = imports()
    assert sum(map(len, graph.values())) > 200
    upward = [
        f"{module} imports {other}"
        for module, others in graph.items()
        for other in others
        if layer(other) > layer(module)
    ]
    assert upward == []
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def test_only_the_compatibility_module_knows_two_versions() -> None:
    """What differs between ESPnet 202511 and 202611 is asked for in one place."""
    asking = ("espnet2.legacy", "espnet.nets", "espnet.utils", "kaldiio", "omniio")
    files = PACKAGE.rglob("*.py")
    found = {p.name for p in files if any(name.startswith(asking) for name, _ in imported(p))}
    assert found == {"_compat.py"}
