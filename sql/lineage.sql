-- Where did documents go? Document → shard row → first training step that saw it → versions of the model trained so.
select d.doc_id, d.source, d.split, s.shard, s.row, t.first_step, t.times_seen, m.versions
from documents d
join shards s using (doc_id)
left join (select doc_id, min(step) as first_step, count(*) as times_seen from trained group by doc_id) t using (doc_id)
left join (
  select list(name || '/' || version order by name, version) as versions from models
  where weights_key = (select key from steps where step = 'pretrain')
) m on t.first_step is not null
where $document is null or d.doc_id = $document
order by t.first_step nulls last, d.doc_id limit coalesce($limit, 50)
