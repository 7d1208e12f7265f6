-- What would other decisions keep and drop, against today's? One row for all, then one a source and one a language.
-- Documents that were never encoded count with the tokens that their bytes would give ($bytes_per_token; NULL: unknown).
with counted as (
  select *, coalesce(tokens, round(bytes / $bytes_per_token)) as estimated, coalesce(language, 'unknown') as spoken from decided
)
select
  case when grouping(source) = 0 then 'source' when grouping(spoken) = 0 then 'language' else 'all' end as kind,
  coalesce(source, spoken, 'all') as name,
  count(*) as documents,
  count(*) filter (where kept_today) as kept_today,
  count(*) filter (where kept_then) as kept_then,
  count(*) filter (where kept_then and not kept_today) as newly_kept,
  count(*) filter (where kept_today and not kept_then) as newly_dropped,
  coalesce(sum(estimated) filter (where kept_today), 0)::bigint as tokens_today,
  coalesce(sum(estimated) filter (where kept_then), 0)::bigint as tokens_then,
  coalesce(sum(bytes) filter (where kept_today), 0)::bigint as bytes_today,
  coalesce(sum(bytes) filter (where kept_then), 0)::bigint as bytes_then
from counted
group by grouping sets ((), (source), (spoken))
order by kind, documents desc, name
