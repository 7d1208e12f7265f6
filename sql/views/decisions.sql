-- Kept or dropped, the first reason and all reasons, and for a duplicate the document kept for it.
select doc_id, kept, reason, reasons, cluster_id, kept_id, similarity from curate_decisions
