-- What would be kept if documents had at least $min_words words (by default the median)? From stored signals, against today's decision.
with threshold as (select coalesce($min_words, median(words)) as min_words from signals)
select coalesce(reason, 'kept') as decision_today, count(*) as documents, any_value(min_words) as min_words,
       count(*) filter (where words >= min_words) as would_pass,
       coalesce(sum(documents.bytes) filter (where words >= min_words), 0) as bytes_passing
from signals join decisions using (doc_id) join documents using (doc_id) cross join threshold
group by all order by documents desc, decision_today
