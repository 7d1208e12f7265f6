"""This project on real work, measured: `make bench`."""
