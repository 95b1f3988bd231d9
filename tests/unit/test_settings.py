"""Settings: what is refused, and how clearly."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settings import SettingsError, images, load


def refused(config: dict[str, str]) -> str:
    with pytest.raises(SettingsError) as caught:
        load(config)
    return str(caught.value)


def test_defaults_need_no_configuration() -> None:
    settings = load({})
    assert settings.langfuse_version == "3.225.4"
    assert settings.published_ports["langfuse:webPort"] == 3000


def test_a_misspelt_key_is_named_with_the_one_that_was_meant() -> None:
    message = refused({"langfuse:relaese": "4"})
    assert "langfuse:relaese is not a setting; did you mean langfuse:release?" in message
    assert "pulumi config rm langfuse:relaese" in message


def test_an_unknown_namespace_is_refused() -> None:
    assert "was for tests and is no more" in refused({"langfuse:standInOnOldClickhouse": "true"})
    assert "langfuze:release is not a setting; did you mean langfuse:release?" in refused({"langfuze:release": "3"})


def test_all_problems_are_reported_at_once() -> None:
    message = refused({"clickhouse:httpPort": "many", "langfuse:release": "5", "redis:prot": "1"})
    assert "clickhouse:httpPort" in message
    assert "langfuse:release" in message
    assert "did you mean redis:port?" in message


def test_a_wrong_type_names_the_command_that_sets_it() -> None:
    assert "`pulumi config set gateway:port <value>`" in refused({"gateway:port": "99999"})


def test_nested_settings_say_where_inside_they_are_wrong() -> None:
    message = refused({"langfuse:organization": '{"id": "UPPER CASE"}'})
    assert "langfuse:organization.id" in message


def test_two_services_cannot_share_a_port() -> None:
    assert "postgres:port and redis:port are both 5432" in refused({"redis:port": "5432"})


def test_a_version_of_another_major_is_refused() -> None:
    settings = load({"langfuse:release": "3", "langfuse:version": "4.16.0"})
    with pytest.raises(Exception, match=r"langfuse:version 4\.16\.0 is not of release 3"):
        _ = settings.image_references


def test_release_3_has_no_choice_of_write_mode() -> None:
    message = refused({"langfuse:writeMode": "dual"})
    assert "langfuse:writeMode" in message
    assert "pulumi config rm langfuse:writeMode" in message


def test_where_traces_are_looked_for_goes_with_the_write_mode() -> None:
    four = {"langfuse:release": "4"}
    assert load(four).release.traces_table == "events_full"
    assert load({**four, "langfuse:writeMode": "legacy"}).release.traces_table == "traces"
    dual = load({**four, "langfuse:writeMode": "dual"}).release
    assert (dual.find_path.split("?")[0], dual.read_path) == (
        "/api/public/v2/observations",
        "/api/public/traces/{trace_id}",
    )


def test_provider_namespaces_are_left_alone() -> None:
    assert load({"docker:host": "unix:///tmp/docker.sock"}).stack.running


def test_images_must_be_resolved_for_the_references_that_are_set_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = {"image": "sha256:1", "source": "test", "version": "1"}
    known = load({}).image_references
    path = tmp_path / "images.json"
    path.write_text(json.dumps({service: {ref: {**entry, "reference": ref}} for service, ref in known.items()}))
    monkeypatch.setenv("LANGFUSE_STACK_IMAGES", str(path))
    assert set(images(load({}))) == set(known)
    with pytest.raises(SettingsError, match=r"no image resolved for redis \(redis:8\): run `make images`"):
        images(load({"redis:image": "redis:8"}))


@pytest.mark.parametrize("content", ["", "{", "[]", '{"redis": {"what": 1}}'])
def test_an_unreadable_resolution_says_how_to_make_a_new_one(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "images.json"
    path.write_text(content)
    monkeypatch.setenv("LANGFUSE_STACK_IMAGES", str(path))
    with pytest.raises(SettingsError, match="run `make images`"):
        images(load({}))


@given(st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=5))
def test_hostile_configuration_gives_settings_or_a_clear_error(config: dict[str, str]) -> None:
    refusals: list[str] = []
    try:
        load(config)
    except SettingsError as error:
        refusals.append(str(error))
    assert all(refusal.startswith("settings:\n") for refusal in refusals)


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("langfuse:extraEnv", '{"lower": 1}', "`pulumi config rm --path 'langfuse:extraEnv.lower'`"),
        ("gateway:models", '[{"name": "a"}]', "`pulumi config set --path 'gateway:models[0].model' <value>`"),
        (
            "fly:machines",
            '{"gateway": {"cpus": "x"}}',
            "`pulumi config set --path 'fly:machines.gateway.cpus'",
        ),
    ],
)
def test_the_command_for_a_value_inside_a_setting_leaves_the_rest_of_it(key: str, value: str, said: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: value})
    assert said in str(caught.value)


@pytest.mark.parametrize(
    ("key", "name", "value", "place"),
    [
        (
            "langfuse:extraEnv",
            "AUTH_GOOGLE_CLIENT_SECRET",
            "canary",
            "langfuse:secretEnv.AUTH_GOOGLE_CLIENT_SECRET",
        ),
        (
            "langfuse:extraEnv",
            "SMTP_CONNECTION_URL",
            "smtp://me:canary@mail.example.com:587",
            "LANGFUSE_ENV",
        ),
        ("gateway:env", "OPENAI_API_KEY", "canary", "--path gateway:providerKeys.OPENAI_API_KEY"),
    ],
)
def test_a_secret_in_plain_text_is_refused_with_the_place_where_it_belongs(
    key: str, name: str, value: str, place: str
) -> None:
    with pytest.raises(SettingsError) as caught:
        load({key: json.dumps({name: value})})
    assert name in str(caught.value)
    assert place in str(caught.value)
    assert "canary" not in str(caught.value)
