"""What lies beside a file that `preview` and `send` take from anywhere; the site's own readers in `check`."""

import importlib
from base64 import b64encode

import pytest

from lab_sender.operations.installation import Installation, Later
from lab_sender.operations.sending import Sending
from lab_sender.readers import site_readers

PDF = b"%PDF-1.4 a document\n%%EOF\n"
ATTACH = "inputs:\n  pdf: {beside: attach}\n"


@pytest.mark.parametrize("name", ["r.json", "r.hl7"])
def test_preview_shows_the_pdf_of_the_base_name(here, his, report, ready, name):
    file = here.file(name, ready("A1") if name == "r.hl7" else report())
    here.file("r.pdf", PDF)
    here.configure(his.port)
    assert "PDF^Display" not in here("preview", file).stdout
    here.configure(his.port, more=ATTACH)
    assert b64encode(PDF).decode() in here("preview", "--whole", file).stdout
    (here.folder / "r.pdf").unlink()
    assert "PDF^Display" not in here("preview", file).stdout
    here.configure(his.port, more=ATTACH.replace("attach", "wait"))
    assert "attachment.missing" in here("preview", file, exits=65).stdout


def test_preview_shows_a_pdf_alone(here, his):
    here.configure(his.port, more="inputs:\n  pdf: {name: '(?P<patient_id>[^_]+)_(?P<filler>[^_]+)[.]pdf'}\n")
    told = here("preview", "--whole", here.file("4711_F1.pdf", PDF)).stdout
    assert "PID|1||4711" in told
    assert b64encode(PDF).decode() in told
    assert "file.pdf" in here("preview", here.file("4711.pdf", PDF), exits=65).output


def test_send_takes_the_pdf_along(here, his, ready):
    here.configure(his.port, more=ATTACH)
    here.file("r.pdf", PDF)
    here("send", here.file("r.hl7", ready("A1")))
    assert b64encode(PDF) in his.received[0].body
    assert sorted(path.name for path in here.outbox.glob("sent/*/*")) == ["r.hl7", "r.pdf"]


def test_send_does_not_put_a_pdf_beside_another_file_of_its_name(here, his, ready):
    """Under another name the file would not get its PDF, and the file that is there would."""
    here.configure(his.port, more=ATTACH)
    here.outbox.mkdir(exist_ok=True)
    (here.outbox / "r.hl7").write_bytes(ready("OTHER", "R-9"))
    here.file("r.pdf", PDF)
    file = here.file("r.hl7", ready("A1"))
    with pytest.raises(Later) as caught:
        Sending(Installation(here.path), file, 0.0).known()
    assert caught.value.code == "drop.name-taken"
    assert [path.name for path in here.outbox.iterdir()] == ["r.hl7"]


def test_check_and_run_name_a_reader_that_cannot_be_loaded(here, his, monkeypatch, tmp_path_factory):
    here.configure(his.port)
    folder = tmp_path_factory.mktemp("site")
    info = folder / "mine-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: mine\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[lab_sender.readers]\nmine = no_such_module:Reader\n")
    monkeypatch.syspath_prepend(str(folder))
    importlib.invalidate_caches()
    site_readers.cache_clear()
    try:
        assert "no_such_module" in here("check", exits=78).stdout
        assert "reader.plugin" in here("run", exits=78).output
    finally:
        site_readers.cache_clear()
