"""Troubles with the LiteLLM gateway that a log shows."""

from ops.doctor.row import Part, logged

ROWS = (
    logged(
        "gateway-virtual-keys",
        Part.GATEWAY,
        "No connected db; DB not connected",
        "virtual keys are used, and the gateway has no database to keep them in",
        "call the gateway with the master key, or give it a database of its own: "
        "`pulumi config set gateway:database managed`, `make inventory`, then `make up`",
    ),
    logged(
        "gateway-redis-parameter",
        Part.GATEWAY,
        "LiteLLM Redis Cache PING … unexpected keyword argument 'family'",
        "LiteLLM does not know a parameter of REDIS_URL ({parameter}), so its cache is off",
        "take {parameter}= out of the URL that the gateway gets; the client that needs it can keep it. Then {up "
        "gateway}",
    ),
    logged(
        "gateway-provider-key",
        Part.GATEWAY,
        "litellm.AuthenticationError: … The api_key client option must be set; Incorrect API key provided",
        "the provider's key is missing in the gateway, or the provider refuses it ({variable})",
        "put the key into the vault or `gateway:providerKeys`, under the name that apiKeyEnv of the model in "
        "`gateway:models` says, then `make up`",
    ),
    logged(
        "gateway-model-prefix",
        Part.GATEWAY,
        "LLM Provider NOT provided",
        "a model has no provider before its name: {model}",
        "write it as provider/model in `gateway:models`, as openai/gpt-4o, then `make up`",
    ),
    logged(
        "gateway-model-unknown",
        Part.GATEWAY,
        "Invalid model name passed in; There are no healthy deployments for this model",
        "the application asks for a model that the gateway does not serve, or all of its deployments failed lately: "
        "{model}",
        "use a name of `gateway:models`, or add it there and run `make up`; for a failing deployment see {log gateway}",
    ),
    logged(
        "gateway-rate-limit",
        Part.GATEWAY,
        "litellm.RateLimitError: 429",
        "the provider takes no more calls or tokens for now",
        "raise the quota at the provider, slow the application down, or add a second deployment of the model to "
        "`gateway:models`",
        tolerated=20,
    ),
    logged(
        "gateway-provider-away",
        Part.GATEWAY,
        "litellm.Timeout; litellm.APIConnectionError; Connection error",
        "the provider did not answer, or the gateway has no way to it",
        "see the provider's status page, and whether the gateway's network lets HTTPS out (a proxy needs HTTPS_PROXY)",
        tolerated=20,
    ),
    logged(
        "gateway-budget",
        Part.GATEWAY,
        "Budget has been exceeded",
        "a key, user or team of the gateway has spent its budget",
        "raise the budget in the gateway, or wait until its period ends",
    ),
    logged(
        "gateway-token",
        Part.GATEWAY,
        "Authentication Error, Invalid proxy server token passed",
        "an application calls the gateway without its key, or with another",
        "give the application the gateway's key: `python -m ops env` writes it into a file",
        tolerated=20,
    ),
)
