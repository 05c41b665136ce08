# SPDX-License-Identifier: Apache-2.0
"""What contrib/kubernetes and contrib/image name is there, and fits together."""

import json
import os
import re
import subprocess

import pytest

from space import sh
from world import TOP, find_plugin

yaml = pytest.importorskip("yaml")
MANIFEST = TOP + "/contrib/kubernetes/fastdp.yaml"
RECIPE = TOP + "/contrib/image/Containerfile"
NEEDED = {"NET_ADMIN", "SYS_ADMIN"}


@pytest.fixture(scope="module")
def manifest():
    with open(MANIFEST, encoding="ascii") as f:
        return {d["kind"]: d for d in yaml.safe_load_all(f)}


@pytest.fixture(scope="module")
def pod(manifest):
    return manifest["DaemonSet"]["spec"]["template"]["spec"]


def read(path):
    with open(path, encoding="ascii") as f:
        return f.read()


def installed():
    """What make install puts, as contrib/steps.sh has it, and the recipe."""
    text = read(TOP + "/contrib/steps.sh")
    listed = re.search(r"expected=\(\n(.*?)\n\t\)", text, re.S).group(1)
    more = re.findall(r"/image(/\S+)", read(RECIPE))
    return {"/" + word for word in listed.split()} | set(more)


def test_parts_fit_together(manifest, pod):
    assert set(manifest) == {"ConfigMap", "Service", "DaemonSet"}
    for doc in manifest.values():
        assert doc["metadata"]["namespace"] == "kube-system"
    spec = manifest["DaemonSet"]["spec"]
    labels = spec["template"]["metadata"]["labels"]
    assert spec["selector"]["matchLabels"] == labels
    service = manifest["Service"]
    assert service["spec"]["selector"] == labels
    assert service["spec"]["clusterIP"] == "None"
    assert service["spec"]["ports"][0]["port"] == 6783
    name = "%(name)s.%(namespace)s.svc." % service["metadata"]
    assert "peer = " + name in manifest["ConfigMap"]["data"]["fastdpd.conf"]
    assert pod["hostNetwork"] and pod["dnsPolicy"] == "ClusterFirstWithHostNet"
    volumes = {v["name"]: v for v in pod["volumes"]}
    assert volumes["config"]["configMap"]["name"] == \
        manifest["ConfigMap"]["metadata"]["name"]
    for c in pod["containers"] + pod["initContainers"]:
        for mount in c["volumeMounts"]:
            assert mount["name"] in volumes
    used = {m["name"] for c in pod["containers"] + pod["initContainers"]
            for m in c["volumeMounts"]}
    assert used == set(volumes)


def test_least_privilege(pod):
    assert pod["automountServiceAccountToken"] is False
    assert "hostPID" not in pod and "hostIPC" not in pod
    for c in pod["containers"] + pod["initContainers"]:
        context = c["securityContext"]
        assert not context.get("privileged")
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"]["drop"] == ["ALL"]
    (daemon,), (install,) = pod["containers"], pod["initContainers"]
    assert set(daemon["securityContext"]["capabilities"]["add"]) == NEEDED
    assert "add" not in install["securityContext"]["capabilities"]


def test_programs_are_in_the_image(pod):
    for c in pod["containers"] + pod["initContainers"]:
        commands = [c["command"]] + [
            c[p]["exec"]["command"] for p in ("readinessProbe",
                                              "livenessProbe") if p in c]
        for command in commands:
            assert command[0] in installed()
    # Words of the probes that fastdpctl knows.
    tool = os.path.join(os.path.dirname(find_plugin()), "fastdpctl")
    for probe in ("readinessProbe", "livenessProbe"):
        words = pod["containers"][0][probe]["exec"]["command"][1:]
        sh(tool, *words, "--help")


def test_configuration_is_accepted(manifest, pod, tmp_path):
    """By the daemon, which stops for want of privileges alone."""
    data = manifest["ConfigMap"]["data"]
    (tmp_path / "fastdpd.conf").write_text(data["fastdpd.conf"])
    args = [a.replace("/etc/fastdp", str(tmp_path)).replace("$(NODE)", "n1")
            for a in pod["containers"][0]["args"]]
    program = os.path.join(os.path.dirname(find_plugin()), "fastdpd")

    def start(*more):
        done = subprocess.run(
            ["setpriv", "--bounding-set", "-all", "--inh-caps", "-all",
             "--ambient-caps", "-all", program, *args, *more,
             "--state-dir", str(tmp_path), "--run-dir", str(tmp_path),
             "--socket", str(tmp_path / "s")], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=20,
            check=False)
        return done.returncode, done.stdout.decode()

    code, said = start()
    assert code == 1 and "CAP_NET_ADMIN" in said, said
    # And of a wrong one it says what is wrong.
    (tmp_path / "fastdpd.conf").write_text(
        data["fastdpd.conf"].replace("10.32.0.0/16", "10.32.0.0/99"))
    assert "range" in start()[1]


def test_conflist_is_accepted(manifest):
    """The plugin names no unknown key; there is no daemon, and it says so."""
    conflist = json.loads(manifest["ConfigMap"]["data"]["10-fastdp.conflist"])
    (ours,) = [p for p in conflist["plugins"] if p["type"] == "fastdp"]
    conf = dict({k: v for k, v in ours.items() if k != "capabilities"},
                name=conflist["name"], cniVersion="1.1.0",
                socket="/nonexistent/sock")
    done = subprocess.run([find_plugin()], input=json.dumps(conf).encode(),
                          env={"CNI_COMMAND": "STATUS"}, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert json.loads(done.stdout)["code"] == 50
    assert b"not known" not in done.stderr


def test_installer(tmp_path):
    """Whole files, with their modes; again over old ones; not into nothing."""
    for name in ("bin", "conf"):
        (tmp_path / name).mkdir()
    (tmp_path / "plugin").mkdir()
    (tmp_path / "plugin" / "fastdp").write_text("new")
    (tmp_path / "10-fastdp.conflist").write_text("{}")
    (tmp_path / "bin" / "fastdp").write_text("an older one")
    env = {"PATH": os.environ["PATH"], "CNI_BIN": str(tmp_path / "bin"),
           "CNI_CONF": str(tmp_path / "conf"),
           "PLUGIN": str(tmp_path / "plugin" / "fastdp"),
           "CONFLIST": str(tmp_path / "10-fastdp.conflist")}
    script = TOP + "/contrib/kubernetes/install-cni"
    sh(script, env=env)
    sh(script, env=env)
    assert os.listdir(tmp_path / "bin") == ["fastdp"]
    assert os.listdir(tmp_path / "conf") == ["10-fastdp.conflist"]
    assert (tmp_path / "bin" / "fastdp").read_text() == "new"
    assert os.stat(tmp_path / "bin" / "fastdp").st_mode & 0o777 == 0o755
    gone = dict(env, CNI_BIN=str(tmp_path / "gone"))
    assert sh(script, env=gone, check=False).returncode == 1


def test_recipe():
    """It builds with what contrib/lib.sh lists, copies what is there, and
    brings the libraries that the programs want."""
    text = read(RECIPE)
    build, run = [set(re.findall(r"[a-z0-9.+-]+", part)) for part in
                  text.split("FROM debian")[1:]]
    listed = re.search(r"build_packages=\(\n(.*?)\n\)",
                       read(TOP + "/contrib/lib.sh"), re.S).group(1).split()
    assert set(listed) <= build
    for path in re.findall(r"/src/(contrib/\S+)", text):
        assert os.path.exists(os.path.join(TOP, path))
    paths = set()
    for name in ("fastdp", "fastdpd", "fastdpctl"):
        program = os.path.join(os.path.dirname(find_plugin()), name)
        where = dict(re.findall(r"(lib\S+) => (\S+)", sh("ldd",
                                                         program).stdout))
        paths |= {os.path.realpath(where[lib]) for lib in re.findall(
            r"\[(lib[^]]+)\]", sh("readelf", "-d", program).stdout)
            if lib in where}
    owners = sh("dpkg-query", "-S", *["*/" + os.path.basename(p)
                                      for p in paths]).stdout
    wanted = {line.split(":")[0] for line in owners.splitlines()}
    assert len(wanted) >= 9
    wanted = {w for w in wanted if not w.startswith(("libc6", "lib32"))}
    assert wanted <= run | {"libgcc-s1"}, wanted - run
