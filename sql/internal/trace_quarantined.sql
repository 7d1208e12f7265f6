-- Why is the record $name, or the first one of the file $name, in the quarantine?
select reason from quarantine
where source || '/' || uri || '#' || position = $name or uri = $name or source || '/' || uri = $name
   or ends_with(uri, '/' || $name)
order by uri, position limit 1
