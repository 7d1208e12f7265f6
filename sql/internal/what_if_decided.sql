-- Today's decision of each document beside the one that other rules would take.
select f.doc_id, f.source, f.language, f.bytes, f.tokens, f.kept as kept_today, f.reason as reason_today,
       t.kept and f.withheld is null as kept_then, coalesce(t.reason, f.withheld) as reason_then
from facts f join redecided t using (doc_id)
