-- What do other rules decide from? One row a document: its signals, its description and today's decision.
select g.* exclude (partition), d.* exclude (doc_id), c.split, s.tokens, e.kept, e.reason, w.reason as withheld
from signals g join described d using (doc_id) join decisions e using (doc_id) join curate_decisions c using (doc_id)
left join shards s using (doc_id) left join encode_withheld w using (doc_id)
