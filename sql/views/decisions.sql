-- Kept or dropped, the first reason and all reasons, and for a duplicate the document kept for it.
-- What was taken down or withdrawn after curation counts as dropped, for that reason.
select c.doc_id, c.kept and w.reason is null as kept, coalesce(c.reason, w.reason) as reason,
       case when w.reason is null then c.reasons else list_append(c.reasons, w.reason) end as reasons,
       c.cluster_id, c.kept_id, c.similarity
from curate_decisions c left join encode_withheld w using (doc_id)
