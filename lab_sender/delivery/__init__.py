"""delivery/: journal -> HIS. The destination, its lane, the brake, the retry table, the link's status."""
