"""`proof`: one document for an auditor, of a message or of all that was sent of an order."""

import base64
import hashlib
import html
import re

import pytest

from lab_sender.operations import proof as proving


@pytest.fixture
def delivered(here, his, ready):
    """Two messages of one order; the first was refused once, and taken back afterwards."""
    his.answer_by("nth=1: AE,code=207,text=ZEBRAPATIENT is unknown")
    here("send", here.file("a.hl7", ready("A1", "F-1")))
    here("send", here.file("b.hl7", ready("A2", "F-1")))
    return here


def test_of_an_order_all_its_messages(delivered, his):
    told = delivered.json("proof", "F-1")
    first, second = told["messages"]
    assert [each["entry"]["control_id"] for each in told["messages"]] == ["A1", "A2"]
    assert base64.b64decode(first["base64"]) == his.received[0].body
    assert first["sha256"] == hashlib.sha256(his.received[0].body).hexdigest()
    assert first["is_as_built"] is True
    assert [each["ack"]["code"] for each in first["tries"]] == ["AE", "AA"]
    assert first["tries"][0]["ack"]["errors"] == ["207"]
    assert all(each["ack"]["is_ours"] for each in first["tries"])
    assert b"MSA|AA|A1" in base64.b64decode(first["tries"][1]["ack"]["base64"])
    assert first["verdict"].startswith("The HIS answered AA to control id A1, in the try that began at ")
    assert second["orders"] == ["F-1^"]
    assert told["config_digest"] == told["config_in_force"]
    assert told["proves"]
    assert told["proves_not"]


def test_the_source_is_hashed_again(delivered, ready):
    (proven,) = delivered.json("proof", "1")["messages"]
    source = proven["source"]
    assert (source["name"], source["now"]) == ("a.hl7", "same")
    assert source["sha256"] == hashlib.sha256(ready("A1", "F-1")).hexdigest()
    (file,) = delivered.outbox.glob("sent/*/a.hl7")
    file.write_bytes(b"other")
    assert delivered.json("proof", "1")["messages"][0]["source"]["now"] == "differs"
    file.unlink()
    assert delivered.json("proof", "1")["messages"][0]["source"]["now"] == "gone"


def test_without_page_or_json_no_patient_data(delivered, secret):
    told = delivered("proof", "1")
    assert "message 1 (a.hl7): The HIS answered AA" in told.stdout
    assert secret not in told.stdout + told.stderr


def test_the_page_needs_nothing_but_itself(delivered, secret, tmp_path):
    page = tmp_path / "proof.html"
    told = delivered("proof", "order:F-1", "--html", page)
    assert secret not in told.stdout + told.stderr
    assert "patient data" in told.stderr
    text = page.read_text("utf-8")
    assert text.startswith("<!doctype html>")
    assert re.findall(r"<script|\son\w+=|https?:|src=|href=|@import|url\(", text) == []
    assert "default-src 'none'" in text
    seen = html.unescape(re.sub(r"<[^>]+>", "\n", text))
    for each in (
        secret, "MSA|AE|A1", "MSA|AA|A2", "exactly the message's control id",
        *proving.PROVES, *proving.PROVES_NOT, "SHA-256", "Try 2", "ZEBRAPATIENT is unknown", "207",
        "it is still there, with the same content",
    ):  # fmt: skip
        assert each in seen
    assert delivered("proof", "1", "--html", page, exits=1).stderr.startswith("error export.exists")


def test_what_stands_in_a_message_is_text(here, ready, tmp_path):
    here("send", here.file("a.hl7", ready("A1").replace(b"ANNA", b"<script>alert(1)</script>\x7f&amp;")))
    page = tmp_path / "proof.html"
    here("proof", "1", "--html", page)
    text = page.read_text("utf-8")
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\x7f&amp;amp;" in text


def test_what_is_an_order_and_something_else_is_refused(delivered, ready):
    delivered("send", delivered.file("c.hl7", ready("F-1", "F-9")))
    assert "word.ambiguous" in delivered("proof", "F-1", exits=2).stderr
    assert len(delivered.json("proof", "order:F-1")["messages"]) == 2
    assert len(delivered.json("proof", "control:F-1")["messages"]) == 1


def test_what_was_not_delivered_says_so(here, his, ready):
    his.answer_by("AR")
    here("send", here.file("a.hl7", ready("A1")), exits=1)
    here("send", here.file("b.bin", b"\0\1\2"), exits=1)
    here("dismiss", "1", "--why", "entered by hand")
    (proven,) = here.json("proof", "1")["messages"]
    assert proven["verdict"] == "It is not delivered."
    assert [(each["event"], each["why"]) for each in proven["acts"]] == [("message.dismissed", "entered by hand")]
    (unread,) = here.json("proof", "file:2")["messages"]
    assert unread["message"] is None
    assert unread["verdict"].startswith("The file could not be read")


def test_what_the_his_took_back_is_no_proof_of_delivery(delivered):
    from lab_sender.journal import Journal

    journal = Journal(delivered.outbox / ".lab-sender" / "journal.db")
    ack = b"MSH|^~\\&|HIS||LAB||2026||ACK|1|P|2.5.1\rMSA|AE|A1\r"
    journal.delivery.said_later("his", "A1", "AE", ack, accepts=False)
    journal.close()
    (proven,) = delivered.json("proof", "1")["messages"]
    assert proven["verdict"].endswith("It has taken that back since: it answered AE.")
    assert [each["ack"]["is_ours"] for each in proven["later"]] == [True]
