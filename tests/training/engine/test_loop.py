import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from audiokit.errors import DamagedError, InputError, ModelError, ParameterError, UsageError
from audiokit.training.engine.loop import PATIENCE, Every, NonFiniteUpdate, Recipe, fit, linear_decay, update


class Line(Recipe):
    """Learn y = 3x - 1 from noisy samples; dropout and a counter make resuming hard."""

    def __init__(self, *, rate=0.02, poison=(), seed=0):
        torch.manual_seed(seed)
        self.net = nn.Sequential(nn.Linear(1, 8), nn.Tanh(), nn.Dropout(0.1), nn.Linear(8, 1))
        self.optimizer = torch.optim.Adam(self.net.parameters(), lr=rate)
        self.rate, self.poison, self.seen, self.exports = rate, set(poison), 0, []

    def modules(self):
        return {"net": self.net}

    def optimizers(self):
        return {"net": self.optimizer}

    def step(self, rng, step):
        x = torch.from_numpy(rng.uniform(-1, 1, (16, 1)).astype(np.float32))
        loss = torch.mean((self.net(x) - (3 * x - 1)) ** 2)
        if step in self.poison:
            loss = loss * float("nan")
        self.seen += 1
        return {"mse": update(self.optimizer, loss, clip=10.0)}

    def validate(self, folder, step):
        assert not self.net.training
        x = torch.linspace(-1, 1, 64)[:, None]
        return {"mse": torch.mean((self.net(x) - (3 * x - 1)) ** 2)}

    def export(self, folder, weights):
        self.exports.append({key: value.clone() for key, value in weights["net"].items()})

    def settings(self):
        return {"rate": self.rate}

    def state(self):
        return {"seen": self.seen}

    def load_state(self, state):
        self.seen = state["seen"]


def run(folder, steps, **options):
    recipe = options.pop("recipe", None) or Line()
    values = fit(recipe, folder=folder, steps=steps, every=Every(40, log=10), quiet=True, **options)
    return recipe, values


def test_learns_and_says_so(tmp_path):
    _, before = run(tmp_path / "short", 1)
    recipe, values = run(tmp_path / "long", 200, average=0.9)
    assert values["mse"] < 0.1 * before["mse"]
    lines = [json.loads(line) for line in (tmp_path / "long/metrics.jsonl").read_text().splitlines()]
    steps = [line["step"] for line in lines if "loss" in line]
    assert steps == list(range(10, 201, 10))
    losses = [line["loss"]["mse"] for line in lines if "loss" in line]
    assert losses[-1] < 0.2 * losses[0]
    assert [line["step"] for line in lines if "validation" in line] == [40, 80, 120, 160, 200]
    assert len(recipe.exports) == 5


def test_judging_takes_no_more_than_its_share(tmp_path):
    """First and last are always there; between them, samples wait until training has had its time."""

    class Judged(Line):
        def validate(self, folder, step):
            time.sleep(0.3)
            return super().validate(folder, step)

        def step(self, rng, step):
            time.sleep(0.005)
            return super().step(rng, step)

    values = fit(Judged(), folder=tmp_path, steps=100, every=Every(5, log=10, share=0.1), quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    judged = [line["step"] for line in lines if "validation" in line]
    assert judged[0] == 5 and judged[-1] == 100 and len(judged) <= 3
    assert values["seconds"] < 3
    with_all = fit(Judged(), folder=tmp_path / "all", steps=20, every=Every(5, log=10), quiet=True)
    lines = [json.loads(line) for line in (tmp_path / "all/metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines if "validation" in line] == [5, 10, 15, 20] and with_all["step"] == 20


def test_losses_are_said_without_a_terminal(tmp_path, capsys, monkeypatch):
    from audiokit.training.engine import progress

    monkeypatch.setattr(progress, "LINE_S", 0.0)
    fit(Line(), folder=tmp_path, steps=6, every=Every(100, log=2))
    said = capsys.readouterr().err.splitlines()
    assert len(said) > 3 and all("mse " in line for line in said)


def test_resumed_run_has_the_same_bits(tmp_path):
    whole, _ = run(tmp_path / "whole", 120, schedule=lambda p: 1.0)
    run(tmp_path / "parts", 50, schedule=lambda p: 1.0)
    parts, _ = run(tmp_path / "parts", 120, schedule=lambda p: 1.0)
    for a, b in zip(whole.net.state_dict().values(), parts.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)
    for key, value in whole.exports[-1].items():
        assert torch.equal(value, parts.exports[-1][key])
    assert parts.seen == whole.seen == 120


def test_checkpoint_opens_with_weights_only_and_metrics_are_not_doubled(tmp_path):
    run(tmp_path, 40)
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 40
    with open(tmp_path / "metrics.jsonl", "a") as file:  # steps after the checkpoint, then a line cut short
        file.write('{"step": 45, "loss": {}}\n{"step": 4')
    run(tmp_path, 80)
    steps = [json.loads(line)["step"] for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert steps == [10, 20, 30, 40, 40, 50, 60, 70, 80, 80]


def test_averaged_weights_are_exported_and_the_live_ones_given_back(tmp_path):
    recipe, _ = run(tmp_path, 40, average=0.99)
    live = recipe.net.state_dict()
    assert any(not torch.equal(live[key], recipe.exports[-1][key]) for key in live)
    saved = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    for key, value in live.items():
        assert torch.equal(saved["modules"]["net"][key], value)
        assert torch.equal(saved["ema"]["net"][key], recipe.exports[-1][key])


def test_best_exports_only_improvements(tmp_path):
    recipe, _ = run(tmp_path, 400, best="mse", average=0.5, recipe=Line(rate=0.05))
    values = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    mses = [line["validation"]["mse"] for line in values if "validation" in line]
    assert len(recipe.exports) == sum(mse < min([*mses[:i], np.inf]) for i, mse in enumerate(mses)) < len(mses)


def test_one_bad_step_is_skipped(tmp_path):
    recipe, values = run(tmp_path, 80, recipe=Line(poison=[5, 17]))
    assert values["step"] == 80 and recipe.seen == 80
    assert all(torch.isfinite(p).all() for p in recipe.net.parameters())


def test_bad_steps_that_persist_stop_and_keep_the_checkpoint(tmp_path):
    with pytest.raises(ModelError, match=r"non-finite.*checkpoint of step 40 is kept") as caught:
        run(tmp_path, 200, recipe=Line(poison=range(50, 200)))
    assert caught.value.status == 5 and "learning rate" in caught.value.hint
    state = torch.load(tmp_path / "checkpoint.pt", weights_only=True)
    assert state["step"] == 40
    assert all(torch.isfinite(t).all() for t in state["modules"]["net"].values())
    assert PATIENCE > 1


def test_update_leaves_weights_alone_when_gradients_are_not_finite():
    recipe = Line()
    before = [p.clone() for p in recipe.net.parameters()]
    with pytest.raises(NonFiniteUpdate):
        update(recipe.optimizer, recipe.net(torch.ones(1, 1)).sum() * float("inf"))
    assert all(torch.equal(a, b) for a, b in zip(before, recipe.net.parameters(), strict=True))


def test_clip_bounds_the_gradient():
    net = nn.Linear(1, 1, bias=False)
    optimizer = torch.optim.SGD(net.parameters(), lr=1.0)
    before = net.weight.item()
    update(optimizer, 1000.0 * net(torch.ones(1, 1)).sum(), clip=0.5)
    assert before - net.weight.item() == pytest.approx(0.5, rel=1e-5)


def test_schedule_reaches_the_optimiser(tmp_path):
    run(tmp_path, 40, schedule=linear_decay(0.5))
    rates = [json.loads(x)["rate"] for x in (tmp_path / "metrics.jsonl").read_text().splitlines() if "rate" in x]
    assert rates[0] == pytest.approx(0.02) and rates[-1] == pytest.approx(0.02 * 0.05, rel=0.01)


def test_minutes_end_a_run(tmp_path):
    _, values = run(tmp_path, 10**9, minutes=0.3 / 60)
    assert 0.3 <= values["seconds"] < 10 and values["step"] > 5


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"minutes": -1.0}, ParameterError),
        ({"precision": "int3"}, ParameterError),
        ({"best": "nothing"}, UsageError),
    ],
)
def test_refuses_bad_options(tmp_path, options, error):
    with pytest.raises(error):
        run(tmp_path, 10, **options)


def test_refuses_a_folder_in_use_other_settings_and_a_damaged_checkpoint(tmp_path):
    run(tmp_path, 10)
    with pytest.raises(InputError, match="already"):
        run(tmp_path, 20, resume=False)
    with pytest.raises(UsageError, match=r"rate was 0\.02, now 0\.5"):
        run(tmp_path, 20, recipe=Line(rate=0.5))
    (tmp_path / "checkpoint.pt").write_bytes(b"not torch")
    with pytest.raises(DamagedError, match="checkpoint"):
        run(tmp_path, 20)


def test_bfloat16_trains(tmp_path):
    _, before = run(tmp_path / "short", 1)
    _, values = run(tmp_path / "long", 200, precision="bfloat16", average=0.9)
    assert values["mse"] < 0.2 * before["mse"]


SCRIPT = textwrap.dedent(
    """
    import os, sys, time, torch
    torch.set_num_threads(1)
    sys.path[:0] = [{here!r}, {root!r}]
    from test_loop import Every, Line, fit
    class Slow(Line):
        def step(self, rng, step):
            time.sleep({delay})
            return super().step(rng, step)
    recipe, folder = Slow(), sys.argv[1]
    fit(recipe, folder=folder, steps=int(sys.argv[2]), every=Every(1000, log=1), quiet=True)
    torch.save(recipe.net.state_dict(), folder + "/final-" + os.environ.get("RANK", "alone") + ".pt")
    """
)


def script(tmp_path, *, delay=0.0):
    here = Path(__file__).parent
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(here=str(here), root=str(here.parents[2]), delay=delay))
    return path


def test_interrupt_finishes_the_step_saves_and_resumes_to_the_same_bits(tmp_path):
    path, folder = script(tmp_path, delay=0.02), tmp_path / "run"
    with subprocess.Popen([sys.executable, path, folder, "10000"], stderr=subprocess.PIPE, text=True) as process:
        metrics = folder / "metrics.jsonl"
        deadline = time.monotonic() + 60
        while not (metrics.exists() and len(metrics.read_text().splitlines()) >= 5):
            assert time.monotonic() < deadline and process.poll() is None, process.stderr.read()
            time.sleep(0.02)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode != 0 and "KeyboardInterrupt" in errors
    step = torch.load(folder / "checkpoint.pt", weights_only=True)["step"]
    assert 5 <= step < 10000
    parts, _ = run(folder, step + 7)
    whole, _ = run(tmp_path / "whole", step + 7)
    for a, b in zip(whole.net.state_dict().values(), parts.net.state_dict().values(), strict=True):
        assert torch.equal(a, b)


def test_two_processes_train_as_one(tmp_path):
    """Each process draws its own batches; both end with the same weights, unlike one process alone."""
    path, folder = script(tmp_path), tmp_path / "run"
    folder.mkdir()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {**os.environ, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2"}
    group = [
        subprocess.Popen(
            [sys.executable, path, folder, "30"], env={**environment, "RANK": str(r), "LOCAL_RANK": str(r)}
        )
        for r in range(2)
    ]
    assert [process.wait(timeout=120) for process in group] == [0, 0]
    first, second = (torch.load(folder / f"final-{r}.pt", weights_only=True) for r in range(2))
    alone, _ = run(tmp_path / "alone", 30)
    assert all(torch.equal(first[key], second[key]) for key in first)
    assert any(not torch.equal(first[key], alone.net.state_dict()[key]) for key in first)
    assert torch.load(folder / "checkpoint.pt", weights_only=True)["settings"]["processes"] == 2
