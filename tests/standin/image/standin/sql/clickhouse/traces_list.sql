SELECT
    id, timestamp, name, user_id, metadata, release, version, project_id, environment, public, bookmarked, tags, input, output,
    session_id, created_at, updated_at, count() OVER () AS total_items
FROM traces FINAL
WHERE project_id = {project_id:String}
    AND ({session_id:String} = '' OR session_id = {session_id:String})
    AND ({user_id:String} = '' OR user_id = {user_id:String})
    AND ({name:String} = '' OR name = {name:String})
    AND (empty({tags:Array(String)}) OR hasAll(tags, {tags:Array(String)}))
ORDER BY timestamp DESC
LIMIT {limit:UInt32} OFFSET {offset:UInt64}
