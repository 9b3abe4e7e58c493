"""Tables in a pipe look as rich would lay them out, without rich."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from lab_sender.cli.grid import Column, Grid

WORDS = st.text(st.sampled_from("ab ä漢é9,:"), max_size=12)


@st.composite
def grids(draw):
    count = draw(st.integers(1, 4))
    headed = draw(st.booleans())
    columns = [
        Column(draw(WORDS) if headed else "", right=headed and draw(st.booleans()), folds=False) for _ in range(count)
    ]
    cell = WORDS if headed else st.lists(WORDS, max_size=3).map("\n".join)
    rows = draw(st.lists(st.tuples(*[cell] * count), max_size=4))
    return Grid(columns, headed, rows)


@settings(max_examples=80)
@given(grids())
def test_a_pipe_gets_what_a_wide_terminal_would_show(grid):
    console = Console(width=400, color_system=None, markup=False, highlight=False, emoji=False)
    with console.capture() as captured:
        console.print(grid.drawn())
    wide = "\n".join(line.rstrip() for line in captured.get().split("\n"))
    assert grid.plain().rstrip("\n") == wide.rstrip("\n")


def test_what_no_terminal_has_room_for_is_whole_in_a_pipe():
    grid = Grid([Column("code", most=5), Column("file", folds=True)], rows=[("123456789", "x" * 9000)])
    assert grid.plain() == "code       file\n123456789  " + "x" * 9000
