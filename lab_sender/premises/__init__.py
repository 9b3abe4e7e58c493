"""premises/: where an agent works, what it needs there, and what it leaves there for whoever looks from outside."""
