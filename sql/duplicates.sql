-- Which documents have the most copies, exact and near? One row a kept document with its copies.
select kept_id, count(*) as copies, count(*) filter (where similarity = 1) as exact,
       round(min(similarity), 3) as least_similar, list(doc_id order by doc_id)[1:5] as some_copies
from decisions where kept_id is not null
group by kept_id order by copies desc, kept_id limit 20
