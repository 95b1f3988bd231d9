# Everything runs in the environment that toolchain/venv.py makes in the user's cache folder.
STACK ?= local
PYTHON ?= python3
RUN = $(PYTHON) -E toolchain/venv.py
CACHE = $(or $(LANGFUSE_STACK_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/langfuse-stack)

.DEFAULT_GOAL := help
.PHONY: docs new up preview down status capacity upgrade smoke doctor env images inventory shell test soak check bench help evidence destroy clickhouse-reset attacks backup rehearse

##@ First steps

up: ## put the stack up, each phase proven before the next
	@$(RUN) -m ops up --stack $(STACK)

status: ## services, images, health, addresses
	@$(RUN) -m ops status --stack $(STACK)

smoke: ## follow one call through the whole stack, hop by hop
	@$(RUN) -m ops smoke --stack $(STACK)

env: ## write .env for the application behind the gateway (0600)
	@$(RUN) -m ops env --stack $(STACK)

new: ## make the settings of another stack: STACK=x DISPOSABLE=1
	@$(RUN) -m ops new --stack $(STACK) $(if $(DISPOSABLE),--disposable)

shell: ## print what plain pulumi needs: eval "$$(make -s shell)"
	@$(RUN) -m toolchain shell

help: ## show this
	@echo "usage: make TARGET [STACK=name] [CONFIG_FILE=path]"
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {gsub("[$$][$$]", "$$"); printf "  %-16s  %s\n", $$1, $$2}' $(MAKEFILE_LIST)

##@ Every day

preview: ## show what `up` would do, judged by policy pack and gate
	@$(RUN) -m ops preview --stack $(STACK)

down: ## remove the containers, keep all data
	@$(RUN) -m ops down --stack $(STACK)

doctor: ## look for every known trouble, with the fix of each
	@$(RUN) -m ops doctor --stack $(STACK)

capacity: ## what is taken of what the stack can take
	@$(RUN) -m ops status --capacity --stack $(STACK)

upgrade: ## show the next legal step of an upgrade
	@$(RUN) -m ops upgrade --stack $(STACK)

backup: ## back up ClickHouse and Postgres into a bucket of its own
	@$(RUN) -m ops backup --stack $(STACK)

rehearse: ## restore the newest backup in throw-away servers, compare
	@$(RUN) -m ops rehearse --stack $(STACK)

evidence: ## list what was done, verify that nothing was altered
	@$(RUN) -m ops evidence

destroy: ## remove a disposable stack with its data, by typed name
	@$(RUN) -m ops destroy --stack $(STACK)

clickhouse-reset: ## empty the local ClickHouse after a verified copy
	@$(RUN) -m ops clickhouse-reset --stack $(STACK)

##@ What is committed

inventory: ## add new data to the inventory; nothing is ever taken out
	@$(RUN) -m ops inventory --stack $(STACK)

images: ## find, pull or build every image, and lock the stack to it
	@$(RUN) -m ops images --lock --stack $(STACK)

attacks: ## write docs/attacks.md: ways to lose data, what stops them
	@$(RUN) -m tests.attacks

docs: ## build the documentation into site/
	@$(RUN) -m docs.generate
	@NO_MKDOCS_2_WARNING=1 $(RUN) --lock docs/requirements.lock -m mkdocs build --strict

##@ Development

check: ## lint, types, and fast tests (under a minute)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy --cache-dir $(CACHE)/mypy .
	@$(RUN) -m pytest -q -n 2 --dist loadfile -m "not engine and not docker and not e2e and not soak"

test: check ## everything but long loops: also real engine and Docker
	@$(RUN) -m toolchain ensure
	@$(RUN) -m ops images
	@$(RUN) -m pytest -n 3 --dist loadscope --no-loadscope-reorder --durations=20 -m "(docker or engine or e2e) and not soak"

soak: ## the long fault loops: whole stacks broken on purpose
	@$(RUN) -m toolchain ensure
	@$(RUN) -m ops images
	@$(RUN) -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m soak

bench: ## measure the budgets and print their table
	@$(RUN) bench/run.py
