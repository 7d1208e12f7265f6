-- How does each model and baseline score on each task? The weighted mean over items, and without contaminated items.
with means as (
    select task, model, any_value(better) as better, count(*) as items, sum(score * weight) / sum(weight) as value,
           sum(score * weight) filter (where not coalesce(contaminated, false))
           / sum(weight) filter (where not coalesce(contaminated, false)) as value_uncontaminated
    from scores group by task, model
)
select task, model, items, round(value, 4) as value,
       case better when 'lower' then '↓' when 'higher' then '↑' end as better,
       case when rank() over (partition by task order by if(better = 'lower', value, -value)) = 1 then '✓' else '' end as best,
       round(value_uncontaminated, 4) as value_uncontaminated
from means order by task, if(better = 'lower', value, -value), model
