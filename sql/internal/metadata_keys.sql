-- Keys of the documents' metadata in lower case, how they are spelt, and the JSON types of their values.
select lower(key) as name, list(distinct key order by key) as spellings,
       list(distinct json_type(metadata, '$."' || key || '"')) as types
from (select metadata, unnest(json_keys(metadata)) as key from texts)
where not list_contains($own, lower(key)) and not contains(key, '"') and not contains(key, '''')
group by all order by all
