import pytest

from served_model.config import ModelConfig, config_for

URL = "http://127.0.0.1:8000/v1"

REFUSED = [
    {"name": ""},
    {"base_urls": ()},
    {"base_urls": ("127.0.0.1:8000",)},
    {"base_urls": ("ftp://host/v1",)},
    {"base_urls": ("http://",)},
    {"base_urls": ("http://host:99999/v1",)},
    {"base_urls": ("http://[::1/v1",)},
    {"base_urls": ("http://host/v1?key=hidden-word",)},
    {"base_urls": ("http://user:hidden-word@host/v1",)},
    {"base_urls": ("http://hidden-word@host:bad/v1",)},
    {"base_urls": ("http://127.0.0.1\x7f/v1",)},
    {"base_urls": ("http://127.0.0.1 /v1",)},
    {"base_urls": ("http://127.0.0.1/v1\n",)},
    {"base_urls": (f"http://{'a' * 64}.example/v1",)},
    {"base_urls": ("http://a..b/v1",)},
    {"api_key": "hidden-word\n"},
    {"api_key": "hidden-wörd"},
    {"timeout_s": 0},
    {"deadline_s": -1},
    {"max_in_flight": 0},
    {"backoff_s": float("nan")},
]


@pytest.mark.parametrize("change", REFUSED, ids=str)
def test_configs_that_cannot_work_are_refused_without_telling_secrets(change):
    with pytest.raises(ValueError, match=r"model") as caught:
        ModelConfig(**{"name": "m", "base_urls": (URL,), **change})
    assert "hidden" not in str(caught.value)


def test_the_key_is_not_in_the_repr():
    assert "hidden" not in repr(ModelConfig("m", (URL,), api_key="hidden-word"))


def test_roles_fall_back_to_default():
    default, judge = ModelConfig("m", (URL,)), ModelConfig("j", (URL,))
    assert config_for({"default": default, "judge": judge}, "judge") is judge
    assert config_for({"default": default, "judge": judge}, "writer") is default
    with pytest.raises(ValueError, match="'writer'"):
        config_for({"judge": judge}, "writer")
