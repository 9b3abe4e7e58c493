"""`python -m lab_sender` is `lab-sender`."""

from lab_sender.cli.main import main

main(prog_name="lab-sender")
