-- How long are the documents in tokens? One row a split with quantiles and the total.
select split, count(*) as documents, sum(tokens) as tokens, min(tokens) as shortest,
       quantile_disc(tokens, 0.05) as p05, quantile_disc(tokens, 0.5) as median,
       quantile_disc(tokens, 0.95) as p95, max(tokens) as longest
from shards group by split order by split
