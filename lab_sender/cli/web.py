"""`web`: the page, its API and the metrics, in a process of their own.

Holds: how that process is started from a configuration.
Promises: what it needs is loaded by this command alone.
Never: has a part in delivery.
"""

from __future__ import annotations

import click

from lab_sender.cli.arguments import pass_installation
from lab_sender.operations.installation import Installation


@click.command()
@click.option("--with-agent", is_flag=True, hidden=True, help="End when standard input does: the agent's child.")
@pass_installation
def web(installation: Installation, with_agent: bool) -> None:
    """Serve the page and its API; send alerts.

    Until SIGTERM or Ctrl-C. `run` starts it by itself; with `web.start: alone` it is a service of its own. A port
    that is taken is tried again; alerts go out meanwhile, and with `web.listen: off` too.
    """
    from lab_sender.logfile import set_up_as
    from lab_sender.operations.keeping import Keeping
    from lab_sender.operations.threads import in_thread
    from lab_sender.operations.web.alerting import sending
    from lab_sender.operations.web.server import serve
    from lab_sender.operations.web.site import Site

    config = installation.config
    set_up_as(config.log)
    site = Site(config.path)
    try:
        keeping = Keeping(lambda: site.installation, site.records, site.audit)
        with sending(site), in_thread("keeping", keeping):
            serve(site, with_agent=with_agent)
    finally:
        site.close()
