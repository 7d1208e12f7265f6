-- How does each model and baseline score on each task? The weighted mean over items, and without contaminated items.
select task, model, count(*) as items,
       round(sum(score * weight) / sum(weight), 4) as value,
       round(sum(score * weight) filter (where not coalesce(contaminated, false))
             / sum(weight) filter (where not coalesce(contaminated, false)), 4) as value_uncontaminated
from scores group by all order by task, value, model
