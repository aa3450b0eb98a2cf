import shutil

import pytest

from trio_realtime import UserError
from trio_realtime.server.voice import HibariTextToSpeech, VoiceEngine, libraries, models, voice_available

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
    words = r"needs no_such_package_anywhere, which is not installed; .* pip install 'trio-realtime\[voice\]'"
    for missing in (libraries.library, libraries.package_folder):
        with pytest.raises(UserError, match=words):
            missing("no_such_package_anywhere")
    with pytest.raises(UserError, match=words):
        libraries.library("no_such_package_anywhere.part")


def test_what_is_there_and_cannot_be_loaded_is_not_called_missing(tmp_path, monkeypatch):
    (tmp_path / "broken_package.py").write_text("raise ImportError('libxyz.so: cannot open')")
    monkeypatch.syspath_prepend(tmp_path)
    words = r"cannot load broken_package \(libxyz.so: cannot open\); .*--force-reinstall 'trio-realtime\[voice\]'"
    with pytest.raises(UserError, match=words):
        libraries.library("broken_package")


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


HIBARI = [name for name in models.HASHES if name not in models._PLACES]


@needs_voice
def test_all_of_hibari_comes_from_the_model_dir_if_it_is_there(tmp_path, monkeypatch):
    import hibari.g2p.oov
    import hibari.tts

    usual = HibariTextToSpeech().speak("Xyzzy is an odd word.", voice="alloy", speed=1.0, rate=24_000)
    expected = list(usual)
    for name in HIBARI:
        shutil.copy(models.model_file(name), tmp_path)
    for module in (hibari.tts, hibari.g2p, hibari.g2p.oov):
        monkeypatch.setattr(module, "ASSETS", "/nowhere")
    monkeypatch.setattr(models, "package_folder", pytest.fail)
    own = HibariTextToSpeech(tmp_path)
    assert list(own.speak("Xyzzy is an odd word.", voice="alloy", speed=1.0, rate=24_000)) == expected


@needs_voice
@pytest.mark.parametrize("name", HIBARI)
def test_each_file_of_hibari_is_checked_where_it_comes_from(tmp_path, name):
    (tmp_path / name).write_bytes(b"not it")
    with pytest.raises(UserError, match="SHA-256"):
        HibariTextToSpeech(tmp_path)
