-- Which Arrow shards are there, and what does each hold? One row a shard.
select partition, shard, split, count(*) as documents, sum(tokens) as tokens
from shards group by all order by partition, shard
