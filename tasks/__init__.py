"""The steps of the line. Each is a plain function beside its frozen config; none imports another."""
