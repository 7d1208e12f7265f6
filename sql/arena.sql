-- Whose answers do people prefer? Bradley–Terry strength of each model with a 95 % interval; groups that no vote links are ranked apart.
select "group", model, round(strength, 3) as strength, round(low, 3) as low, round(high, 3) as high,
       round(elo) as elo, votes, if(bounded, '', 'won or lost every vote') as note
from arena order by "group", strength desc
