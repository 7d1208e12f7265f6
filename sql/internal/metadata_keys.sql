-- Keys of the documents' metadata in lower case, how they are spelt, and the JSON types of their values. A key is read
-- by a JSON pointer (RFC 6901), in which no sign but / and ~ has a meaning; one of no letters can be no column's name.
select lower(key) as name, list(distinct key order by key) as spellings,
       list(distinct json_type(metadata, '/' || replace(replace(key, '~', '~0'), '/', '~1'))) as types
from (select metadata, unnest(json_keys(metadata)) as key from texts)
where not list_contains($own, lower(key)) and key <> ''
group by all order by all
