-- Documents that at least one template suits, at most $candidates of each split, drawn by a hash of the document.
select *
from valued
where list_bool_or(_suits)
qualify row_number() over (partition by split order by md5($salt || doc_id), doc_id) <= $candidates
order by md5($salt || doc_id), doc_id
