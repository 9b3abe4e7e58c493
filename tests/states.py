"""The states of messages and files, from the code. `make states` prints them; docs/inside/journal.md holds it.

Holds: the drawing of a table of states: a diagram and a list, of the same events.
Promises: each event of the table is in both.
Never: knows an event by itself.
"""

from __future__ import annotations

from lab_sender.journal.states import MESSAGE, REPLACED, SOURCE, WORDS, Table

_DURABILITY = {"durable": "on the disk", "quick": "with the next flush"}


def drawn(name: str, table: Table) -> str:
    """Draw a table of states: what people call them, a diagram of who moves to where, and the events one by one."""
    return "\n".join([_named(name, table), "", *_diagram(table), "", *_events(table)])


def _named(name: str, table: Table) -> str:
    states = list(dict.fromkeys(state for each in table.values() for state in (*each.sources, each.target) if state))
    words = {state: WORDS[state] for state in states} | {"replaced": " or ".join(REPLACED.values())}
    shown = [f"`{state}`" if words[state] == state else f"`{state}` ({words[state]})" for state in states]
    return f"A {name} is {', '.join(shown[:-1])} or {shown[-1]}."


def _diagram(table: Table) -> list[str]:
    arrows: dict[tuple[str, str], list[str]] = {}
    for each in table.values():
        for state in each.sources or ("[*]",):
            arrows.setdefault((state, each.target or state), []).append(each.event)
    lines = [f"    {state} --> {target}: {', '.join(events)}" for (state, target), events in arrows.items()]
    return ["```mermaid", "stateDiagram-v2", *lines, "```"]


def _events(table: Table) -> list[str]:
    lines = ["| What happens | Caused by | From | To | Committed | When |", "|---|---|---|---|---|---|"]
    for each in table.values():
        sources = ", ".join(each.sources) or "new"
        committed = _DURABILITY[each.durability]
        cells = (f"`{each.event}`", each.who, sources, each.target or "the same", committed, each.when)
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def every() -> dict[str, str]:
    """Draw all tables, by the name of what they are about."""
    return {"message": drawn("message", MESSAGE), "file": drawn("file", SOURCE)}


if __name__ == "__main__":
    print("\n\n".join(every().values()))
