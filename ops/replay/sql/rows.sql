SELECT DISTINCT {id:Identifier}
FROM {database:Identifier}.{table:Identifier}
WHERE project_id = {project:String}
  AND {time:Identifier} BETWEEN {start:DateTime64(3, 'UTC')} AND {end:DateTime64(3, 'UTC')}
  AND {id:Identifier} IN {ids:Array(String)}
