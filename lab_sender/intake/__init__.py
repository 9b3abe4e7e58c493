"""intake/: outbox -> journal. Arrivals, claims, pairing, reading and building, what was sent before."""
