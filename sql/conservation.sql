-- Is every document accounted for? One row a step: read = kept + dropped + quarantined.
select step, read, kept, dropped, quarantined from funnels order by position
