"""Troubles with Langfuse's own services, and with what sends to them, that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "langfuse-heap",
        Part.LANGFUSE,
        "FATAL ERROR: Reached heap limit … JavaScript heap out of memory; job stalled more than allowable limit",
        "node ran out of heap, and the jobs that it worked on stalled",
        "raise the heap and the container's memory together: NODE_OPTIONS=--max-old-space-size=<MB> in "
        "`langfuse:extraEnv` at about three quarters of the memory limit, {more_memory}, then `make up`. Jobs that "
        "failed meanwhile must be tried again",
    ),
    logged(
        "langfuse-stalled",
        Part.LANGFUSE,
        "job stalled more than allowable limit",
        "a worker died or was blocked while it held the job, more than once",
        "see why it died ({explain langfuse-worker}; often memory), then try the failed jobs again",
    ),
    logged(
        "langfuse-env",
        Part.LANGFUSE,
        "Invalid environment variables: { … }; Failed to prepare server",
        "an environment variable is malformed or missing, {variable}; the service does not serve until it is right",
        "correct {variable}: its setting or its entry in `langfuse:extraEnv`, then `make up`; a restart alone changes "
        "nothing",
    ),
    logged(
        "langfuse-body",
        Part.LANGFUSE,
        "413: Body exceeded 1mb limit; request entity too large",
        "a request body is over the limit ({limit}) of web, or of a proxy before it: what was sent is not stored",
        "see which one answered: a proxy names itself in the response (client_max_body_size of nginx). Have the "
        "application send smaller batches, and images and audio as media uploads",
    ),
    logged(
        "langfuse-session",
        Part.LANGFUSE,
        "[next-auth][error][JWT_SESSION_ERROR] decryption operation failed",
        "a browser sent a session cookie that was made with another NEXTAUTH_SECRET",
        "normal once for each user after the secret was rotated: they sign in again. If it goes on, the replicas of "
        "web "
        "have different secrets: {up langfuse-web}",
        tolerated=20,
    ),
    logged(
        "langfuse-mail",
        Part.LANGFUSE,
        "Missing environment variables for sending … email",
        "no mail server is set, so invitations and password mails are not sent",
        "set SMTP_CONNECTION_URL and EMAIL_FROM_ADDRESS for web and worker, then `make up`",
    ),
    logged(
        "langfuse-mail-refused",
        Part.LANGFUSE,
        "Invalid login: 535 …; EAUTH; connect ECONNREFUSED …:587",
        "the mail server refuses the login, or cannot be reached",
        "correct user, percent-encoded password, host and port in SMTP_CONNECTION_URL (smtps:// for 465, smtp:// for "
        "587), then `make up`",
    ),
    logged(
        "sdk-item-size",
        Part.LANGFUSE,
        "Item exceeds size limit (size: …), dropping input / output / metadata",
        "an application's Langfuse SDK dropped the content of an event over its size limit: that content is lost there",
        "in the application: send less in one event, and large content as media; raise LANGFUSE_MAX_EVENT_SIZE_BYTES "
        "of "
        "the SDK only below the body limit of web",
    ),
    logged(
        "otel-timeout",
        Part.LANGFUSE,
        "Failed to export span batch code: None, reason: … Read timed out",
        "an exporter (the gateway's or an SDK's) got no answer from web within its time-out: web is overloaded or "
        "restarts. Without a durable queue the spans may be lost",
        "`make status` and {log langfuse-web} show whether web restarts; give it more replicas "
        "(`pulumi config set web:replicas <more>`) or memory. `make smoke` shows whether traces arrive again",
    ),
)
