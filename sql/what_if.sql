-- What would be kept if documents had at least $min_words words? Answers from stored signals, against today's decision.
select coalesce(reason, 'kept') as decision_today, count(*) as documents,
       count(*) filter (where words >= coalesce($min_words, 100)) as would_pass,
       sum(documents.bytes) filter (where words >= coalesce($min_words, 100)) as bytes_passing
from signals join decisions using (doc_id) join documents using (doc_id)
group by all order by documents desc, decision_today
