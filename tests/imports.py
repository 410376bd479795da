"""Which of the project's files a program really imports, read from the source."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("pipeline", "stages")


def _file_of(module: str) -> Path | None:
    path = ROOT.joinpath(*module.split("."))
    if path.with_suffix(".py").is_file():
        return path.with_suffix(".py")
    return path / "__init__.py" if (path / "__init__.py").is_file() else None


def _imported_modules(file: Path) -> set[str]:
    modules = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return {module for module in modules if module.split(".")[0] in PACKAGES}


def _only_docstring(file: Path) -> bool:
    body = ast.parse(file.read_text()).body
    return all(isinstance(n, ast.Expr) and isinstance(n.value, ast.Constant) for n in body)


def data_folders(file: Path) -> set[Path]:
    """Folders of data beside a module that the module names in a string."""
    names = {
        node.value
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    folders = {path for path in file.parent.iterdir() if path.is_dir() and path.name in names}
    return {folder for folder in folders if not (folder / "__init__.py").exists()}


def closure(program: Path) -> set[str]:
    """Every file of the project that running `program` reads as code or bundled data.

    `__init__.py` files that hold nothing but a docstring are left out; a package that is read whole
    stands as its folder. Paths are relative to the repository's root.
    """
    seen: set[Path] = set()
    todo = [program]
    while todo:
        file = todo.pop()
        if file in seen:
            continue
        seen.add(file)
        for module in _imported_modules(file):
            parts = module.split(".")
            for length in range(1, len(parts) + 1):
                found = _file_of(".".join(parts[:length]))
                if found:
                    todo.append(found)
    code = {file for file in seen if not _only_docstring(file)}
    data = {folder for file in code for folder in data_folders(file)}
    whole = _whole_packages(code)
    outside = {folder for folder in data if whole.isdisjoint(folder.parents)}
    return {str(path.relative_to(ROOT)) for path in whole | outside}


def _whole_packages(code: set[Path]) -> set[Path]:
    """`code` with the outermost package of which nothing is missing in place of its files."""
    merged = set(code)
    for package in sorted({init.parent for init in ROOT.glob("pipeline/**/__init__.py")}):
        modules = [file for file in package.rglob("*.py") if file.with_name("__init__.py").exists()]
        own = {file for file in modules if not _only_docstring(file)}
        if own and own <= merged:
            merged = merged - own | {package}
    return merged
