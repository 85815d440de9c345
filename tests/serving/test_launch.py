from live import wait

from serving.launch import environment
from serving.settings import Settings


def test_the_environment_carries_every_setting_and_nothing_talks_home():
    found = environment(Settings(port=4321, rate_per_minute=7), {"HOME": "/nowhere"})
    assert Settings.load(environ=found) == Settings(port=4321, rate_per_minute=7)
    assert (found["BENTOML_DO_NOT_TRACK"], found["MLFLOW_DISABLE_TELEMETRY"]) == ("True", "true")
    assert (found["OMP_NUM_THREADS"], found["HOME"]) == ("1", "/nowhere")


def test_the_greeting_says_what_to_click_once_a_model_answers(service):
    wait(lambda: "Qudao answers at" in service.log.read_text(), seconds=20)
    assert f"{service.url}/docs" in service.log.read_text()
