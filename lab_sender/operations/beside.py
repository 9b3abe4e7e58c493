"""Files that lie beside a result file and belong to it.

Holds: which they are, for commands that take a file from anywhere: the same rules as pairing.py's.
Promises: looks at the file's own folder only; what is missing, the composer reports.
Never: waits for a file.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lab_sender.readers import BadItem, Inputs, Item, ReportItem, attachment_paths, companion_names, with_companion


def named_files(items: Sequence[Item], folder: Path) -> list[Path]:
    """Find the files that the reports of a file name, each once, in their order."""
    reports = [item for item in items if isinstance(item, ReportItem)]
    paths = (path for item in reports for path in attachment_paths(item.report) if path not in item.documents)
    names = dict.fromkeys(paths)
    return [folder / name for name in names if (folder / name).is_file()]


def companion(items: Sequence[Item], file: Path, inputs: Inputs) -> Path | None:
    """Find the PDF of a file's base name, where PDFs are paired and the file is of one report that names none."""
    if len(items) != 1 or isinstance(items[0], BadItem) or _names_some(items[0]):
        return None
    names = companion_names(file.name, inputs.pdf)
    there = [file.parent / name for name in names if (file.parent / name).is_file()]
    return next(iter(there), file.with_name(names[0]) if names and inputs.pdf.beside == "wait" else None)


def with_pdf(items: Sequence[Item], file: Path, inputs: Inputs, test: str, *, may_be_cut: bool = False) -> list[Item]:
    """Make the PDF of a file's base name part of its report."""
    pdf = companion(items, file, inputs)
    if pdf is None:
        return list(items)
    document = pdf.read_bytes() if pdf.is_file() else None
    return [with_companion(items[0], pdf.name, document, test, may_be_cut=may_be_cut)]


def _names_some(item: Item) -> bool:
    return isinstance(item, ReportItem) and any(path not in item.documents for path in attachment_paths(item.report))
