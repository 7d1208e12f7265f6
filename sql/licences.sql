-- Under which licences does the text stand, and how much of what is trained on comes under each?
select coalesce(licence, 'not stated') as licence, source, count(*) as documents,
       sum(bytes) filter (where kept) as kept_bytes
from documents left join decisions using (doc_id)
group by all order by documents desc, licence, source
