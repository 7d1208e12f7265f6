-- Which languages are in the corpus, and how much of each was kept? A document of unknown language is a row too.
select coalesce(language, 'unknown') as language, count(*) as documents, sum(bytes) as bytes,
       round(avg(kept::int), 4) as kept_share
from documents left join decisions using (doc_id)
group by all order by documents desc, language
