# SPDX-License-Identifier: Apache-2.0
"""Every command of fastdpctl that hints, manuals and manifests tell people to
type is one that it takes; the shell completes those that there are, and the
manual has them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

# pylint: disable=wrong-import-position
from cli_daemon import TOP, run, succeeds

SOURCE = Path(os.environ.get("FASTDP_SRCDIR", TOP))
COMPLETION = SOURCE / "contrib/completion/fastdpctl.bash"
# What follows the name where a sentence is about the program.
PROSE = {"newer", "of", "as", "runs", "and", "on", "talks", "through"}


def options_of(text):
    """Of --help: name, and whether it takes a value."""
    return {f"--{name}": bool(value) for name, value in re.findall(
        r"^  --([a-z-]+)(?: ([A-Z][A-Z|/]*))?(?:  |$)", text, re.M)}


@pytest.fixture(scope="module", name="verbs")
def fixture_verbs():
    """Name: (number of arguments, options)."""
    text = succeeds(run("--help"))
    lines = text.split("verbs:\n")[1].split("\n\n")[0].splitlines()
    found = {}
    for line in lines:
        name, arguments = re.match(
            r"  ([a-z-]+(?: [a-z-]+)?)((?: [A-Z]\S*)*)  ", line).groups()
        own = options_of(succeeds(run(*name.split(), "--help")))
        found[name] = (len(arguments.split()), own)
    assert len(found) > 20 and "--force" in found["reset"][1]
    assert found["ipam free"][0] == 2 and found["status"][0] == 0
    return found


def fault_of(command, verbs):
    """Why fastdpctl does not take what follows its name; None: it does."""
    words = command.split()
    options = [w for w in words if w.startswith("-")]
    everywhere = options_of(succeeds(run("--help")))
    if not words or words == options:
        return None if set(options) <= set(everywhere) else "no such option"
    values = {o for _, own in verbs.values() for o, takes in own.items()
              if takes}
    plain = [w for i, w in enumerate(words) if not w.startswith("-") and
             (i == 0 or words[i - 1] not in values)]
    verb = next((" ".join(plain[:n]) for n in (2, 1)
                 if " ".join(plain[:n]) in verbs), None)
    if not verb:
        return "no such verb"
    n_arguments, own = verbs[verb]
    wrong = [o for o in options if o.split("=")[0] not in own]
    if wrong:
        return f"{verb} has no option {wrong[0]}"
    n = len(plain) - len(verb.split())
    return None if n in (0, n_arguments) else f"{verb} takes {n_arguments}"


def literals(path):
    """The texts of a C file, those that stand beside each other as one."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.S)
    one = r'"(?:\\.|[^"\\\n])*"'
    for match in re.finditer(rf"{one}(?:\s*{one})*", text):
        whole = "".join(part[1:-1] for part in
                        re.findall(one, match.group()))
        yield whole.replace('\\"', '"').replace("\\n", "\n")


def commands_of(text):
    """What is quoted, and what follows the bare name and may be a verb."""
    text = text.replace("%s%s", "")
    for quoted, bare in re.findall(
            r"['`]fastdpctl ([^'`]*)['`]|(?<![-/'`\w])fastdpctl ([a-z-]+"
            r"(?: [a-z-]+)?)", text):
        if quoted.split()[:1] in (["VERB"], ["%s"]):
            continue  # any of them is meant
        if quoted:
            yield quoted
        elif bare.split()[0] not in PROSE:
            yield bare


def commands_of_source():
    for path in sorted((SOURCE / "src").rglob("*.c")):
        for text in literals(path):
            for command in commands_of(text):
                yield path.name, command
    for path in sorted((SOURCE / "data").rglob("*.json")):
        for command in commands_of(path.read_text()):
            yield path.name, command


def commands_of_pages():
    """Code in Markdown: between backticks, or a line that begins with it."""
    pages = [*SOURCE.glob("*.md"), *SOURCE.glob("docs/*.md"),
             *SOURCE.glob("contrib/*/*.md")]
    for path in pages:
        text = path.read_text()
        spans = re.findall(r"`fastdpctl\s([^`]*)`", text)
        lines = re.findall(r"^ *(?:sudo )?fastdpctl +(.*)$", text, re.M)
        # Behind two blanks is what it does.
        for command in spans + [re.split(r"  |`", n)[0] for n in lines]:
            yield path.name, command
        for command in re.findall(r"-- fastdpctl ([^`;\n]*)", text):
            yield path.name, command


def commands_of_manuals():
    for path in sorted((SOURCE / "docs/man").iterdir()):
        text = path.read_text().replace(" \\e\n", " ")
        for line in re.findall(r"^(?:\.Ql |\.Nm )?fastdpctl (.*)$", text,
                               re.M):
            line = re.sub(r"\bFl (\S+)", r"-\1", line)
            line = re.sub(r"\b(Cm|Ar|Ns|Op)\b ?", "", line)
            yield path.name, line.rstrip(" .,")


def commands_of_manifests():
    for path in sorted((SOURCE / "contrib/kubernetes").glob("*.yaml")):
        for words in re.findall(r'"[^"]*/fastdpctl"((?:, *"[^"]*")*)',
                                path.read_text()):
            yield path.name, " ".join(re.findall(r'"([^"]*)"', words))


@pytest.mark.parametrize("source,least", [
    (commands_of_source, 20), (commands_of_pages, 15),
    (commands_of_manuals, 4), (commands_of_manifests, 2)])
def test_commands_that_people_are_told_to_type(verbs, source, least):
    found = list(source())
    wrong = [(where, f"fastdpctl {command}", why) for where, command in found
             if (why := fault_of(command, verbs))]
    assert wrong == []
    assert len(found) >= least


@pytest.mark.parametrize("command", [
    "ipam", "stauts", "reset --forced", "peer add", "--version",
    "ipam free a", "why", "status now"])
def test_the_test_tells_right_from_wrong(verbs, command):
    result = run(*command.split(), "--socket", "/nonexistent")
    is_taken = result.returncode != 2 or "takes HOST" in result.stderr or \
        "takes MAC" in result.stderr  # a verb alone may be spoken of
    assert (fault_of(command, verbs) is None) == is_taken, result


def test_every_verb_is_in_the_manual(verbs):
    text = (SOURCE / "docs/man/fastdpctl.8").read_text()
    for verb, (_, own) in verbs.items():
        at = re.search(rf"^\.(?:It )?Cm {verb}\b", text, re.M)
        assert at, verb
        entry = re.split(r"^\.(?:It|El)", text[at.end():], flags=re.M)[0]
        for option in own:
            assert option in ("--help", "--version") or \
                f"Fl -{option.strip('-')}" in entry + text[:2000], (verb, option)


# Completion


def complete(*words):
    """What the shell offers for the last of the words."""
    script = ('source "$1"; shift; COMP_WORDS=("$@"); '
              'COMP_CWORD=$(($# - 1)); _fastdpctl; '
              'printf "%s\\n" "${COMPREPLY[@]}"')
    result = subprocess.run(
        ["bash", "--norc", "-c", script, "bash", COMPLETION, "fastdpctl",
         *words], capture_output=True, text=True, timeout=60, check=True)
    assert result.stderr == ""
    return set(result.stdout.split())


def test_completion_of_verbs(verbs):
    assert complete("") == {verb.split()[0] for verb in verbs}
    for first in {verb.split()[0] for verb in verbs if " " in verb}:
        assert complete(first, "") == {
            verb.split()[1] for verb in verbs
            if verb.startswith(first + " ")}


def test_completion_of_options(verbs):
    assert complete("--") == set(options_of(succeeds(run("--help"))))
    for verb, (_, own) in verbs.items():
        assert complete(*verb.split(), "--") == set(own) - {"--version"}, verb
        for option, takes_value in own.items():
            # It is not taken for the verb, nor is what follows.
            if takes_value:
                assert "--help" in complete(*verb.split(), option, "x", "--")
                assert not complete(*verb.split(), option, "--")
