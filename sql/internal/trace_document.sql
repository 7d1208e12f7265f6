-- What happened to the document $name? Its source, decision, split and place among the shards.
select d.doc_id, d.source, d.uri, d.position, d.licence, g.language, d.origin, d.partition, c.split, g.bytes,
       coalesce(w.reason, 'live') as state, e.kept, e.reason, e.reasons, e.cluster_id, e.kept_id, e.similarity,
       s.shard, s.row, s.tokens
from described d left join signals g using (doc_id) left join decisions e using (doc_id)
left join curate_decisions c using (doc_id) left join encode_withheld w using (doc_id) left join shards s using (doc_id)
where d.doc_id = $name
