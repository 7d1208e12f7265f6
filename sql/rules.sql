-- Which rules drop documents, at which threshold of this run, and how many for each? One row a rule; a document may
-- break several. `setting` switches a rule off at the value `off`; a rule that is not on drops nothing.
select filter, reason, is_on, meaning, signal, comparison, threshold, unit, needs, setting, off,
       coalesce(documents, 0) as documents
from rules
left join (select unnest(reasons) as reason, count(*) as documents from decisions group by all) using (reason)
order by position
