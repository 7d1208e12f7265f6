-- Every document that was read, with its split and whether it may still be trained on.
select d.doc_id, d.source, d.uri, d.position, d.licence, d.language, octet_length(encode(d.text)) as bytes,
       c.split, d.partition, d.origin, d.metadata, coalesce(w.reason, 'live') as state
from ingest_documents d
left join curate_decisions c using (doc_id)
left join encode_withheld w using (doc_id)
