"""The Dockerfile, and the program that carries it out where no Docker engine is."""

from pathlib import Path

import pytest

from container import ContainerFailure, dockerfile, machine, root
from container.build import Builder, Image
from container.context import Context, ignored, parse_ignore

REPOSITORY = Path(__file__).resolve().parents[3]
TEXT = """\
# escape and comments
FROM debian:bookworm-slim AS base
ARG SSH=openssh-client
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \\
    # a comment in the middle
    apt-get update \\

    && apt-get install "$SSH"
FROM base
ENV A=1 B="two words" \\
    C=$A/${SSH:-none}/${NOT_SET:-none}
CMD ["sh", "-c", "echo $A"]
"""


class TestParsing:
    def test_stages_in_order_with_their_bases(self):
        stages = dockerfile.parse(TEXT)
        assert [(stage.name, stage.base, stage.line) for stage in stages.values()] == [
            ("base", "debian:bookworm-slim", 2),
            ("1", "base", 9),
        ]

    def test_continued_lines_are_one_instruction_without_comments(self):
        _, run = dockerfile.parse(TEXT)["base"].instructions
        assert (run.line, run.keyword) == (4, "RUN")
        assert run.flags == (("mount", "type=cache,target=/var/cache/apt,sharing=locked"),)
        assert run.text.split() == ["apt-get", "update", "&&", "apt-get", "install", '"$SSH"']

    def test_variables_are_expanded_and_quotes_removed(self):
        env, _ = dockerfile.parse(TEXT)["1"].instructions
        assert env.assignments({"A": "0", "SSH": "x"}) == {
            "A": "1", "B": "two words", "C": "0/x/none",
        }  # fmt: skip

    def test_the_json_form_is_left_to_the_program(self):
        _, command = dockerfile.parse(TEXT)["1"].instructions
        assert command.words({"A": "0"}) == ["sh", "-c", "echo $A"]

    @pytest.mark.parametrize("text", ["RUN true", "FROM a\nRUN true\nVOLUME /x", "FROM a\nADD x y"])
    def test_what_is_not_known_is_refused_with_its_line(self, text):
        with pytest.raises(ContainerFailure, match=r"Dockerfile: line \d: expected FROM first"):
            dockerfile.parse(text)


class TestContext:
    @pytest.fixture
    def context(self, tmp_path):
        for name in ("a/b.py", "a/c/d.py", "a/__pycache__/b.pyc", "e/f", "g"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / name).write_text(name)
        (tmp_path / "a/b.py").chmod(0o700)
        (tmp_path / ".dockerignore").write_text("# all\n*\n!a\n!g\n**/__pycache__\n")
        return Context(tmp_path)

    def test_the_last_rule_that_fits_decides(self):
        rules = parse_ignore("*\n!a\n**/*.pyc\n!a/keep.pyc\n")
        kept = [path for path in ("a", "a/b", "a/x.pyc", "a/keep.pyc", "b/a") if not
                ignored(Path(path), rules)]  # fmt: skip
        assert kept == ["a", "a/b", "a/keep.pyc"]

    def test_a_folder_s_content_is_copied_without_what_is_ignored(self, context, tmp_path):
        target = tmp_path / "out"
        context.copy("a", target)
        found = {str(path.relative_to(target)): path.stat().st_mode & 0o777
                 for path in target.rglob("*") if path.is_file()}  # fmt: skip
        assert found == {"b.py": 0o755, "c/d.py": 0o644}

    def test_what_is_ignored_cannot_be_copied(self, context):
        with pytest.raises(ContainerFailure, match="COPY e: not in the build context"):
            context.files("e")

    def test_the_digest_follows_names_modes_and_contents(self, context):
        digests = [context.digest("a")]
        (context.folder / "a/__pycache__/more.pyc").write_text("")
        assert context.digest("a") == digests[0]
        for change in (
            lambda: (context.folder / "a/b.py").write_text("x"),
            lambda: (context.folder / "a/c/d.py").chmod(0o755),
            lambda: (context.folder / "a/b.py").rename(context.folder / "a/z.py"),
        ):
            change()
            digests.append(context.digest("a"))
        assert len(set(digests)) == 4


class TestMachine:
    def test_pip_s_settings_with_the_environment_s_last(self, monkeypatch, tmp_path):
        (tmp_path / "index" / "simple").mkdir(parents=True)
        (tmp_path / "wheels").mkdir()
        listed = (
            f":env:.find-links='{tmp_path}/wheels https://example.org/w'\n"
            f"global.extra-index-url='file://{tmp_path}/index/simple'\n"
            "global.find-links='/overruled'\n"
            "install.no-compile='true'\n"
        )
        monkeypatch.setattr(machine, "call", lambda *command: listed)
        text, mounts = machine.pip_settings("/run/m")
        assert text == (
            "[global]\n"
            "extra-index-url = file:///run/m/0/simple\n"
            "find-links = /run/m/1 https://example.org/w\n\n"
            "[install]\n"
            "no-compile = true\n\n"
        )
        assert mounts == [(tmp_path / "index", "/run/m/0"), (tmp_path / "wheels", "/run/m/1")]

    def test_debian_s_sources_are_those_of_the_suite(self, monkeypatch):
        listed = "u bookworm-security main\nv bookworm contrib\nw nodistro main\nx bookworm main\n"
        monkeypatch.setattr(machine, "call", lambda *command: listed)
        found = [("x", "bookworm"), ("u", "bookworm-security")]
        assert machine.debian_sources("bookworm") == found
        with pytest.raises(ContainerFailure, match="no mirror of Debian trixie"):
            machine.debian_sources("trixie")

    def test_accounts_by_name_and_number(self, tmp_path):
        (tmp_path / "etc").mkdir()
        (tmp_path / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\nme:x:7:8::/home/me:\n")
        assert root.account(tmp_path, "me") == root.account(tmp_path, "7") == (7, 8, "/home/me")
        with pytest.raises(ContainerFailure, match="USER you: not in"):
            root.account(tmp_path, "you")


class TestTheDockerfile:
    STAGES = dockerfile.read(REPOSITORY / "Dockerfile")

    @pytest.fixture
    def builder(self, tmp_path, monkeypatch):
        """One that names layers by instruction and makes none."""
        context = Context(REPOSITORY)
        builder = Builder(self.STAGES, context, tmp_path, tmp_path, {"UID": "1234"})
        monkeypatch.setattr(root, "debian", lambda image, store: image)

        def layer(image: Image, instruction):
            sources = instruction.words(image.known)[:-1]
            if instruction.keyword == "COPY" and not instruction.flags:
                assert all(context.files(source) for source in sources)
            return f"{instruction.keyword} {instruction.text}"

        monkeypatch.setattr(builder, "layer", layer)
        return builder

    @pytest.mark.parametrize("target", ["cpu", "gpu"])
    def test_targets_run_as_a_user_and_without_compilers(self, builder, target):
        image = builder.build(target)
        assert (image.user, image.folder, image.command) == ("1234", "/work",
                                                             ("caps-hvd", "--help"))  # fmt: skip
        assert image.variables["PATH"].startswith("/opt/caps_hvd/.venv/bin:")
        assert not any("g++" in layer or "-dev" in layer for layer in image.layers)

    def test_the_default_target_is_the_last_and_for_cpus(self):
        assert list(self.STAGES)[-1] == "cpu"

    def test_code_comes_after_the_environment_so_that_it_alone_is_new(self, builder):
        assert [layer.split()[0] + layer.split()[-1] for layer in builder.build("cpu").layers][
            -2:
        ] == ["COPY/opt/caps_hvd", "COPY/opt/caps_hvd/caps_hvd"]

    def test_nothing_private_goes_to_the_builder(self):
        rules = Context(REPOSITORY).rules
        for path in (".git/config", ".venv/bin/python", "runs/a/record.json", "id_ed25519", ".env"):
            assert ignored(Path(path), rules)

    def test_a_target_that_needs_an_image_says_so(self, tmp_path):
        builder = Builder(self.STAGES, Context(REPOSITORY), tmp_path, tmp_path, {})
        run = next(step for step in self.STAGES["build-gpu"].instructions if step.flags)
        options = dict(pair.split("=", 1) for pair in run.flags[1][1].split(","))
        with pytest.raises(ContainerFailure, match="this target needs Docker"):
            builder.mount(tmp_path, options, "mount")
