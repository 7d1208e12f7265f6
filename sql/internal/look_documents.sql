-- Which documents were dropped for $reason (or kept)? $count of them, drawn with $seed, with their signals.
select e.doc_id, d.source, d.uri, g.language, g.bytes, e.reasons, e.kept_id, e.similarity,
       g.* exclude (doc_id, partition), count(*) over () as documents
from decisions e join signals g using (doc_id) join described d using (doc_id)
where case when $reason = 'kept' then e.kept else list_contains(e.reasons, $reason) end
order by hash(e.doc_id || $seed), e.doc_id limit $count
