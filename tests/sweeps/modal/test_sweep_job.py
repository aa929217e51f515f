from brainbrr.sweeps.modal.sweep_job import JobSpec, code_digest, job_overrides


def test_a_job_is_known_by_what_it_runs_in_any_order():
    one = JobSpec(0, "train", ("seed=1", "model=v3"), "c")
    assert one.key == JobSpec(7, "train", ("model=v3", "seed=1"), "c").key
    others = [
        JobSpec(0, "evaluate", ("seed=1", "model=v3"), "c"),
        JobSpec(0, "train", ("seed=2", "model=v3"), "c"),
        JobSpec(0, "train", ("seed=1", "model=v3", "x=1"), "c"),
        JobSpec(0, "train", ("seed=1", "model=v3"), "d"),
    ]
    assert len({one.key, *(each.key for each in others)}) == 5
    assert one.work == others[3].work


def test_what_steers_the_sweep_is_not_the_job():
    typed = [
        "seed=1",
        "sweep.max_usd=3",
        "+sweep.x=1",
        "dry_run=true",
        "run_dir=x",
        "output=y",
        "~data.root",
    ]
    assert job_overrides([*typed, "hydra/launcher=modal"]) == ("seed=1", "~data.root")


def test_code_is_what_decides_a_result(tmp_path):
    package = tmp_path / "package"
    (package / "deep").mkdir(parents=True)
    (package / "deep" / "a.py").write_text("1")
    (package / "notes.txt").write_text("1")
    before = code_digest([package])
    (package / "notes.txt").write_text("2")
    (package / "launcher").mkdir()
    (package / "launcher" / "prices.yaml").write_text("1")
    assert code_digest([package]) == before
    (package / "deep" / "a.py").write_text("2")
    changed = code_digest([package])
    (package / "deep" / "a.py").rename(package / "b.py")
    assert len({before, changed, code_digest([package])}) == 3
