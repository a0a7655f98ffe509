"""Arrows between modules point one way: no module imports one above it, and none in a circle."""

import ast
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
PACKAGE_ITSELF = "__init__"


def layer(module: str) -> int:
    """Return the layer of a module named without the package."""
    names = [".".join(module.split(".")[:count]) for count in (2, 1)]
    return next(i for name in names for i, names in enumerate(LAYERS) if name in names)


def imports() -> dict[str, set[str]]:
    """Return module to the modules that it imports anywhere, all named without the package."""
    files = {
        ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted(PACKAGE.rglob("*.py"))
    }
    found: dict[str, set[str]] = {}
    for module, path in files.items():
        found[module] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom) or node.module is None:
                continue
            if node.module != "espnet2_ext" and not node.module.startswith("espnet2_ext."):
                continue
            base = node.module.removeprefix("espnet2_ext").removeprefix(".")
            for alias in node.names:
                full = f"{base}.{alias.name}".removeprefix(".")
                target = full if full in files else base
                if target and target != module:
                    found[module].add(target)
    found.pop(PACKAGE_ITSELF, None)
    return found


def test_nothing_imports_what_stands_above_it() -> None:
    upward = [
        f"{module} imports {other}"
        for module, others in imports().items()
        for other in others
        if layer(other) > layer(module)
    ]
    assert upward == []


def test_there_is_no_circle() -> None:
    graph = imports()
    done: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " -> ".join((*path[path.index(module) :], module))
        if module not in done:
            for other in graph.get(module, ()):
                visit(other, (*path, module))
            done.add(module)

    for module in graph:
        visit(module, ())


def test_only_the_compatibility_module_knows_two_versions() -> None:
    """What differs between ESPnet 202511 and 202611 is asked for in one place."""
    asking = ("espnet2.legacy", "espnet.nets", "espnet.utils", "kaldiio", "omniio")
    found = {
        path.name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, (ast.Import, ast.ImportFrom))
        for name in [getattr(node, "module", None) or node.names[0].name]
        if name.startswith(asking)
    }
    assert found == {"_compat.py"}
