"""delivery/: journal -> HIS. The lane, the brake, the retry table, the link's status."""
