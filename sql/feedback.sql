-- What did people say of answers? Per model: good and bad ratings, corrections, and votes in which it stood. Of the whole home.
with each as (
    select model, kind, rating from feedback
    union all select other_model, kind, rating from feedback where other_model is not null
)
select model, count(*) filter (where rating = 'up') as good, count(*) filter (where rating = 'down') as bad,
       count(*) filter (where kind = 'correction') as corrections, count(*) filter (where kind = 'vote') as votes
from each group by model order by count(*) desc, model
