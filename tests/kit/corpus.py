"""The corpus of real files, which lies beside the project where there is one.

Holds: where it is, and the one way to do without.
Promises: a test that needs it is skipped with the same reason everywhere; the run's end line counts them.
"""

from __future__ import annotations

from pathlib import Path

import pytest

CORPUS = Path(__file__).parents[3] / "shared" / "corpus"


def need_corpus(*, module: bool = False) -> None:
    """Skip the test (or, while it is imported, the whole `module`) where there is no corpus."""
    if not CORPUS.is_dir():
        pytest.skip("the corpus of real files is not at shared/corpus beside the project", allow_module_level=module)
