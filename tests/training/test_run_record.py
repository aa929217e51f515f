import getpass
import platform

from omegaconf import OmegaConf

from brainbrr.training.run_record import code_version, run_record, write_run_record


def test_the_record_names_what_is_needed_to_repeat_the_run(tmp_path):
    record = run_record({"seed": 3, "model": {"width": 4}}, "abc")
    path = write_run_record(record, tmp_path)
    back = OmegaConf.to_container(OmegaConf.load(path))
    assert back == record
    assert back["configuration"]["model"]["width"] == 4 and back["data_digest"] == "abc"
    assert back["packages"]["torch"] and back["machine"]["python"]
    assert "no-such-package" not in back["packages"]


def test_it_names_neither_machine_nor_person():
    text = str(run_record({}, ""))
    assert platform.node() not in text or not platform.node()
    assert getpass.getuser() == "root" or getpass.getuser() not in text


def test_code_version_has_the_package_s_version():
    code = code_version()
    assert code["version"]
    assert (code["commit"] is None) == (code["dirty"] is None)
