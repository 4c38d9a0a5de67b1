"""Readers of recordings in the formats of hospitals and archives, one module a library."""
