import pytest

from trio_realtime import UserError
from trio_realtime.server.voice import VoiceEngine, libraries, models, voice_available

from .speech import needs_voice


def test_a_file_with_another_content_is_refused(tmp_path):
    path = tmp_path / "tokenizer.bin"
    path.write_bytes(b"something else")
    with pytest.raises(UserError, match="SHA-256"):
        models.model_file("tokenizer.bin", tmp_path)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(UserError, match="cannot be read"):
        models.check_file(tmp_path / "none", "0")


def test_what_is_missing_is_said_with_what_to_install():
    with pytest.raises(UserError, match=r"trio-realtime\[voice\]"):
        libraries.library("no_such_package_anywhere")
    with pytest.raises(UserError, match=r"trio-realtime\[voice\]"):
        libraries.package_folder("no_such_package_anywhere")


@pytest.mark.skipif(voice_available(), reason="the extra 'voice' is installed")
async def test_without_the_extra_the_server_says_so_before_it_listens():
    from trio_realtime.server import LocalServer

    with pytest.raises(UserError, match=r"trio-realtime\[voice\]"):
        async with LocalServer(VoiceEngine()).serve():
            pass


@pytest.mark.parametrize("options", [{"threads": 0}, {"model_dir": "/no/such/folder"}])
def test_options_that_make_no_sense(options):
    with pytest.raises(UserError):
        VoiceEngine(**options)


@needs_voice
@pytest.mark.parametrize("name", models.HASHES)
def test_the_files_of_the_pinned_packages_are_the_ones_that_were_tried(name):
    assert models.model_file(name).is_file()


@needs_voice
async def test_a_model_dir_comes_first_and_is_checked(tmp_path):
    good = models.model_file("tokenizer.bin").read_bytes()
    (tmp_path / "tokenizer.bin").write_bytes(good)
    assert models.model_file("tokenizer.bin", tmp_path).parent == tmp_path
    assert models.model_file("hibari.onnx", tmp_path).parent != tmp_path
    (tmp_path / "encoder_model.ort").write_bytes(b"not it")
    with pytest.raises(UserError, match="SHA-256"):
        await VoiceEngine(model_dir=tmp_path).prepare()
