"""Configuration -> the settings of an agent's parts.

Holds: the names of the lock, the journal and the destination, and one function for each part that has settings.
Promises: pure; the same configuration gives the same settings.
Never: opens, makes or starts anything.
"""

from __future__ import annotations

from pathlib import Path

from lab_sender.config.load import Config
from lab_sender.delivery.lane import LaneSettings
from lab_sender.delivery.retry import Policy, ReplyRule
from lab_sender.intake.corrections import Policy as CorrectionPolicy
from lab_sender.mllp import Endpoint, Timeouts, TlsFiles

DESTINATION = "his"


JOURNAL_NAME = "journal.db"


LOCK_NAME = "agent.lock"


def endpoint(config: Config) -> Endpoint:
    """Return where the configuration's HIS listens."""
    his = config.his
    tls = None
    if his.tls is not None:
        tls = TlsFiles(
            ca=str(his.tls.ca or ""),
            certificate=str(his.tls.certificate or ""),
            key=str(his.tls.key or ""),
            password=his.tls.key_password.get_secret_value() if his.tls.key_password else "",
            server_name=his.tls.server_name,
            lines=his.tls.lines,
        )
    return Endpoint(his.host, his.port, his.connect_timeout_s, his.keepalive_s, tls, his.plaintext)


def own_folders(config: Config) -> frozenset[Path]:
    """Return the folders that are ours, also where they lie in the outbox."""
    folders = config.folders
    return frozenset({folders.work, folders.sent, folders.quarantine, folders.journal})


def timeouts(config: Config) -> Timeouts:
    """Return the exchange's deadlines."""
    his = config.his
    return Timeouts(write_s=his.ack_timeout_s, ack_s=his.ack_timeout_s, application_s=his.application_ack_timeout_s)


def correction_policy(config: Config) -> CorrectionPolicy:
    """Return what happens to a report of an order that was reported before."""
    profile = config.message.settings
    return CorrectionPolicy(
        profile.corrections.suspicious, profile.corrections.send, ready_too="hl7" in profile.apply_to
    )


def lane_settings(config: Config) -> LaneSettings:
    """Return how the configuration's lane behaves."""
    his = config.his
    rules = tuple(ReplyRule(rule.then, rule.code, rule.error, rule.text) for rule in his.replies)
    policy = Policy(
        his.retry.first_wait_s,
        his.retry.longest_wait_s,
        his.retry.unanswered,
        his.retry.unanswered_after_s,
        his.retry.refused,
        rules,
    )
    return LaneSettings(policy, his.brake.refused, his.brake.unanswered, his.brake.probe_s, his.after_quarantine)
