-- How many documents are dropped for each reason, today and by the other rules?
select coalesce(t.reason, n.reason) as reason, coalesce(today, 0) as today, coalesce("then", 0) as "then"
from (select reason_today as reason, count(*) as today from decided where reason_today is not null group by all) t
full join (select reason_then as reason, count(*) as "then" from decided where reason_then is not null group by all) n
  using (reason)
order by greatest(today, "then") desc, reason
