"""Code maps: CSV as spreadsheets write it, and everything that can be wrong with one."""

from __future__ import annotations

import pytest

from lab_sender.config.profile import MappedCode
from lab_sender.config.profile.code_maps import file_map, inline_map


@pytest.fixture
def read(tmp_path):
    def read(content: str | bytes):
        path = tmp_path / "map.csv"
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        table = file_map(path, "maps/tests.csv")
        assert table.data == path.read_bytes()
        return table.codes, [each.describe("") for each in table.mistakes]

    return read


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_a_map_as_a_spreadsheet_writes_it(read, mark, end, separator):
    rows = [
        ["code", "to_code", "to_text", "to_system", "system"],
        ["718-7", "HB", '"Hämoglobin, gesamt"', "99LAB", "LN"],
        ["HB", "4711", "", "", ""],
        ["", "", "", "", ""],
        [" 10^9/L ", "G/L", "", "", ""],
    ]
    text = end.join(separator.join(row) for row in rows)
    assert read(mark + text.encode()) == (
        {
            "LN|718-7": MappedCode("HB", "Hämoglobin, gesamt", "99LAB"),
            "HB": MappedCode("4711", "", ""),
            "10^9/L": MappedCode("G/L", "", ""),
        },
        [],
    )


def test_two_columns_are_enough_and_a_system_makes_another_code(read):
    assert read("To_Code,Code\nx,a\n")[0] == {"a": MappedCode("x", "", "")}
    assert read("code,to_code,system\na,x,\na,y,LN\n")[0] == {
        "a": MappedCode("x", "", ""), "LN|a": MappedCode("y", "", ""),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "maps/tests.csv line 1: has no column code and no to_code; known columns: code,"),
        ("code;to_txt\n", "maps/tests.csv line 1: has an unknown column, number 2; did you mean 'to_text'?"),
        ("code;text\n", "maps/tests.csv line 1: has an unknown column, number 2; known columns: code,"),
        ("code,to_code,price\n", "maps/tests.csv line 1: has an unknown column, number 3; known columns: code,"),
        ("code,code,to_code\n", "maps/tests.csv line 1: has the column code twice; known columns: code,"),
        ("code,to_text\n", "maps/tests.csv line 1: has no column to_code; known columns: code,"),
        ("code,to_code\na,\n", "maps/tests.csv line 2: has no to_code; write it, or remove the line"),
        ("code,to_code\n\n,x\n", "maps/tests.csv line 3: has no code; write it, or remove the line"),
        ("code,to_code\na\n", "maps/tests.csv line 2: has no to_code; write it, or remove the line"),
        ("code,to_code\na,b,c\n", "maps/tests.csv line 2: has more cells than the first line; put a cell"),
        ("code,to_code\na,b\n\na,c\n", "maps/tests.csv line 4: the code is also in line 2; keep one of them"),
        ('code,to_code\na,"b\nc"\n', "maps/tests.csv line 2: holds a line break or control character; write"),
        ('code,to_code\na,"b"c\n', "maps/tests.csv line 2: is not CSV; a cell with a quote in it stands in quotes"),
    ],
)
def test_a_mistake_has_its_line(read, text, expected):
    _, mistakes = read(text)
    assert len(mistakes) == 1, mistakes
    assert mistakes[0].startswith(expected)


def test_inline_lines():
    assert inline_map({"a": "x", "LN|718-7": "HB^Hemoglobin^99LAB", "b": "y^Text"}) == {
        "a": MappedCode("x", "", ""),
        "LN|718-7": MappedCode("HB", "Hemoglobin", "99LAB"),
        "b": MappedCode("y", "Text", ""),
    }


def test_an_encoding_other_than_utf8_is_a_mistake_with_its_line(tmp_path):
    from lab_sender.config.text.source import Unreadable

    path = tmp_path / "map.csv"
    path.write_bytes("code,to_code\na,ä\n".encode("cp1252"))
    with pytest.raises(Unreadable) as caught:
        file_map(path, "map.csv")
    assert caught.value.mistake.describe("") == "map.csv line 2: a character is not UTF-8; save the file as UTF-8"
