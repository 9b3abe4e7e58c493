"""service/: what a machine's own service manager asks of a program: Windows' manager and its Event Log, systemd."""
