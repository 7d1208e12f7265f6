-- How did training go? Loss, learning rate and validation bits per byte along the steps, one row a report.
select model, step, * exclude (model, step) from curve order by model, step
