-- How much text has each source, language or licence ($column), and how much of it is kept? The 12 largest.
select coalesce(case $column when 'source' then d.source when 'language' then g.language else d.licence end, 'unknown')
         as name,
       count(*) as documents, sum(g.bytes)::bigint as bytes, count(*) filter (where c.kept) as kept
from described d join signals_signals g using (doc_id) left join curate_decisions c using (doc_id)
group by all order by documents desc, name limit 12
