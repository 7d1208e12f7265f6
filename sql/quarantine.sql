-- Which records could not be read, where do they stand, and why? One row a reason and file, with the first position.
select source, uri, reason, count(*) as records, min(position) as first_position
from quarantine group by all order by records desc, source, uri, reason
