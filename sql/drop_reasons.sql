-- Why did documents go, and how much text went with them? One row a reason; `kept` is a row, so shares sum to 1.
select coalesce(reason, 'kept') as reason, count(*) as documents, sum(bytes) as bytes,
       round(count(*) / sum(count(*)) over (), 4) as share
from decisions join documents using (doc_id)
group by all order by documents desc, reason
