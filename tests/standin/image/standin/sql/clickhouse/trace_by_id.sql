SELECT
    id, timestamp, name, user_id, metadata, release, version, project_id, environment, public, bookmarked, tags, input, output,
    session_id, created_at, updated_at
FROM traces FINAL
WHERE project_id = {project_id:String} AND id = {id:String}
