-- Records that could not be read as documents, with the reason and the first bytes.
select source, uri, position, reason, raw, partition from ingest_quarantine
