"""The lines that `journal move` prints for config.yaml."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from lab_sender.operations.journal_move import Target, _to_server


@pytest.mark.parametrize("name", ["db-ca.pem", "/etc/our CA, new/{1}: a.pem", "C:\\lab # 1\\ca.pem", "ümlaut's.pem"])
def test_they_name_what_was_given_whatever_is_in_its_name(name: str) -> None:
    place = "postgresql://lab_sender@db1.example/lab"
    target = Target(place, ca=Path(name), key=Path(name))
    assert yaml.safe_load("\n".join(_to_server(target))) == {
        "journal": {"database": place, "tls": {"ca": str(Path(name)), "key": str(Path(name))}}
    }
