-- For which reasons were documents dropped in this run? All reasons of a document count.
select reason, count(*) as documents from (select unnest(reasons) as reason from decisions)
group by all order by documents desc, reason
