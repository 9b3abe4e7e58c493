"""MLLP: framing, acknowledgements, the connection to the HIS, and (in standin/) the HIS that lies on demand."""

from lab_sender.mllp.acknowledgement import ACCEPTED, Acknowledgement, Unreadable
from lab_sender.mllp.acknowledgement import CODES as ACK_CODES
from lab_sender.mllp.framing import FrameError
from lab_sender.mllp.hosts import Hosts
from lab_sender.mllp.link import Link
from lab_sender.mllp.verdict import Outcome

__all__ = ["ACCEPTED", "ACK_CODES", "Acknowledgement", "FrameError", "Hosts", "Link", "Outcome", "Unreadable"]
