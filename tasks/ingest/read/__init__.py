"""Readers of the formats that people have: each yields documents and tells what it cannot use."""
