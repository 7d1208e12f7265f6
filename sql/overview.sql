-- What is in this run's corpus? One row a source: documents, bytes, how much was kept, tokens.
select d.source, count(*) as documents, sum(d.bytes) as bytes,
       count(*) filter (where e.kept) as kept, round(avg(e.kept::int), 4) as kept_share,
       sum(s.tokens) as tokens, count(distinct d.origin) as source_texts, min(d.partition) as first_partition
from documents d
left join decisions e using (doc_id)
left join shards s using (doc_id)
group by d.source order by documents desc, d.source
