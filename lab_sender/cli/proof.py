"""`proof`: one document for whoever was not there.

Holds: how it is made on the command line.
Promises: without --html or --json it prints what became of each message, without patient data. A file is new, and its
owner's alone.
Never: changes anything.
"""

from __future__ import annotations

from pathlib import Path

import click

from lab_sender.cli import screen
from lab_sender.cli.arguments import WordType, as_json_option, pass_installation, to_option, who
from lab_sender.cli.long import into
from lab_sender.operations.installation import Installation


@click.command()
@click.argument("word", metavar="ORDER|ID", type=WordType())
@to_option("Only messages for this destination")
@click.option(
    "--html", "page", type=click.Path(path_type=Path, dir_okay=False), help="Write it into this new file, as a page."
)
@as_json_option
@pass_installation
def proof(installation: Installation, word: str, to: tuple[str, ...], page: Path | None, as_json: bool) -> None:
    """Make one document of what was sent and answered.

    Of an order number all its messages, of any other ID that one. The source file with its hash, the message, each
    try with its time and the bytes of its answer, what people did, configuration and version; what it proves and
    what not. The page needs no network and no script, and can be printed. Page and JSON are patient data.
    """
    from lab_sender.operations.proof import proof as prove
    from lab_sender.operations.proof_page import page_of

    made = prove(installation, word, who=who(), to=to)
    if page is not None:
        with into(page) as file:
            file.write(page_of(made))
    if as_json:
        screen.show_json(made)
        return
    for each in made.messages:
        click.echo(f"{each.entry.what} ({each.entry.title}): {screen.visible(each.verdict)}")
    if page is None:
        click.secho("--html FILE writes all of it as a page, --json prints it; both are patient data.", dim=True)
    else:
        click.secho(f"{page} holds patient data: keep it where only those read it who may.", fg="yellow", err=True)
