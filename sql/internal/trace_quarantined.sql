-- Why is the record $name in the quarantine?
select reason from quarantine where source || '/' || uri || '#' || position = $name
