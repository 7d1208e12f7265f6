-- Which rules drop documents, at which threshold of this run, and how many documents does each speak against? One row
-- a rule; a document may break several. The setting switches the rule off at the value `off`.
select reason, is_on, meaning, coalesce(documents, 0) as documents, signal, comparison, threshold, setting, off
from rules
left join (
  select reason, count(*) as documents from (select unnest(reasons) as reason from decisions) group by all
) using (reason)
order by position
