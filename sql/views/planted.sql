-- Which documents were planted to measure the filters, what kind of dirt they are, and of which document.
select doc_id, kind, level, of from ingest_truth
