"""oru/rules/: a site profile's rules, on any finished message."""
