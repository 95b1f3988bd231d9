# Everything runs in the environment that toolchain/venv.py makes in the user's cache folder.
STACK ?= local
PYTHON ?= python3
RUN = $(PYTHON) -E toolchain/venv.py
CACHE = $(or $(LANGFUSE_STACK_CACHE),$(or $(XDG_CACHE_HOME),$(HOME)/.cache)/langfuse-stack)

.DEFAULT_GOAL := help
.PHONY: docs new up preview down status capacity upgrade smoke doctor env images inventory shell test soak check bench help evidence destroy clickhouse-reset attacks backup rehearse

##@ First steps

up: ## put the stack up, each phase proven before the next, and prove it end to end
	@$(RUN) -m ops up --stack $(STACK)

status: ## services, images, health, addresses
	@$(RUN) -m ops status --stack $(STACK)

smoke: ## follow one call through the whole stack, hop by hop
	@$(RUN) -m ops smoke --stack $(STACK)

env: ## write .env for the application behind the gateway (0600)
	@$(RUN) -m ops env --stack $(STACK)

new: ## write the settings and the inventory of another stack: make new STACK=x [DISPOSABLE=1]
	@$(RUN) -m ops new --stack $(STACK) $(if $(DISPOSABLE),--disposable)

shell: ## print the environment for plain pulumi: eval "$$(make -s shell)"
	@$(RUN) -m toolchain shell

help: ## show this
	@awk -F ':.*## ' '/^##@ / {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo; echo "STACK=name and CONFIG_FILE=path choose another stack, and another settings file."

##@ Every day

preview: ## show what `up` would do, with policy pack and plan gate enforced
	@$(RUN) -m ops preview --stack $(STACK)

down: ## remove the containers, keep all data
	@$(RUN) -m ops down --stack $(STACK)

doctor: ## look for every known trouble at once, with the fix of each
	@$(RUN) -m ops doctor --stack $(STACK)

capacity: ## what is taken of what the stack can take, and when it is full
	@$(RUN) -m ops status --capacity --stack $(STACK)

upgrade: ## show the next legal step of an upgrade
	@$(RUN) -m ops upgrade --stack $(STACK)

backup: ## back up ClickHouse and Postgres into the bucket of backups
	@$(RUN) -m ops backup --stack $(STACK)

rehearse: ## restore the newest backup into throw-away servers, compare, and run Langfuse on them
	@$(RUN) -m ops rehearse --stack $(STACK)

evidence: ## list what was done, and verify that none of its evidence was altered
	@$(RUN) -m ops evidence

destroy: ## remove a disposable stack with its data (asks for its name); refuse any other
	@$(RUN) -m ops destroy --stack $(STACK)

clickhouse-reset: ## empty the local ClickHouse after a verified copy (asks for the name)
	@$(RUN) -m ops clickhouse-reset --stack $(STACK)

##@ What is committed

inventory: ## add new data to the stack's reviewed inventory; nothing is ever taken out
	@$(RUN) -m ops inventory --stack $(STACK)

images: ## find, pull or build every image, show where each came from, and lock the stack to them
	@$(RUN) -m ops images --lock --stack $(STACK)

attacks: ## write docs/attacks.md: every way to lose data, and what stops it
	@$(RUN) -m tests.attacks

docs: ## build the documentation into site/, from these files alone
	@$(RUN) -m docs.generate
	@$(RUN) --lock docs/requirements.lock -m mkdocs build --strict

##@ Development

check: ## lint, types, and the tests that need no engine and no Docker (under a minute)
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .
	@$(RUN) -m mypy --cache-dir $(CACHE)/mypy .
	@$(RUN) -m pytest -q -n 2 --dist loadfile -m "not engine and not docker and not e2e and not soak"

test: check ## everything: also the real engine and the whole stack on Docker
	@$(RUN) -m toolchain ensure
	@$(RUN) -m ops images
	@$(RUN) -m pytest -n 3 --dist loadscope --no-loadscope-reorder -m "(docker or engine or e2e) and not soak"

soak: ## the long fault loops: every fault at every step, whole stacks broken on purpose
	@$(RUN) -m toolchain ensure
	@$(RUN) -m ops images
	@$(RUN) -m pytest -n 2 --dist loadscope --no-loadscope-reorder -m soak

bench: ## measure the budgets and print the README's table
	@$(RUN) bench/run.py
