-- How is each quality signal distributed? One row a signal with its quantiles, to see where a threshold would cut.
with numbers as (
  from (select * exclude (doc_id) from signals)
    unpivot (value for signal in (try_cast(columns(* exclude (text_hash, language, rules)) as double)))
)
select signal, count(value) as documents, min(value) as minimum,
       round(quantile_cont(value, 0.01), 4) as p01, round(quantile_cont(value, 0.05), 4) as p05,
       round(quantile_cont(value, 0.25), 4) as p25, round(quantile_cont(value, 0.5), 4) as median,
       round(quantile_cont(value, 0.75), 4) as p75, round(quantile_cont(value, 0.95), 4) as p95,
       round(quantile_cont(value, 0.99), 4) as p99, max(value) as maximum
from numbers where value is not null group by signal order by signal
