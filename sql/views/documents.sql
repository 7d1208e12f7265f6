-- Every document that was read, with its split and whether it may still be trained on.
select d.doc_id, d.source, d.uri, d.position, d.licence, coalesce(d.language, g.language) as language, octet_length(encode(d.text)) as bytes,
       c.split, d.partition, d.origin, d.metadata, coalesce(w.reason, v.reason, 'live') as state
from ingest_documents d
left join signals_signals g using (doc_id)
left join curate_decisions c using (doc_id)
left join encode_withheld w using (doc_id)
left join withdrawn v using (doc_id)
