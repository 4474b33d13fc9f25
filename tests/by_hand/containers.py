"""The usage procedure with both brokers in containers, started by the compose files as they are in the repository.

    packaging/try_image.sh target/release/zgserve-tui      # makes an engine, the image, and runs this

Copies the tree's compose files and example settings to a new place, does what steps 1 and 2 of the procedure say, and walks
the rest of it. Then: tokens, settings that cannot be read, a stop that books everything, a restart with the same state, the
demo. Over anvil, on the engine that DOCKER_HOST names, in the network namespace of that engine.
"""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from http.server import ThreadingHTTPServer

import procedure
from demo import CHAIN, PROVIDER, USER, check, curl, finish, wait_for

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
KEYS = {"provider": "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "user": "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"}  # anvil's own test keys
MACHINE = "host.docker.internal"
PUBLIC = 9080


def run(*words, ok=True):
    done = subprocess.run(words, capture_output=True, text=True, timeout=300)
    if ok and done.returncode != 0:
        raise SystemExit(f"containers: {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout + done.stderr


def compose(where, *words, ok=True):
    return run("docker-compose", "-f", os.path.join(where, "docker-compose.yml"), *words, ok=ok)


def up(url):
    return subprocess.run(["curl", "-sf", f"{url}/health"], capture_output=True).returncode == 0


def inspect(name, what):
    return json.loads(run("docker", "inspect", "--format", "{{json " + what + "}}", name))


async def front(reader, writer):
    """What stands before a provider in public: passes connections on to the port for strangers."""
    async def pipe(source, sink):
        try:
            while data := await source.read(65536):
                sink.write(data)
                await sink.drain()
        except OSError:
            pass
        sink.close()
    there = await asyncio.open_connection("127.0.0.1", 3081)
    await asyncio.gather(pipe(reader, there[1]), pipe(there[0], writer))


def serve_front():
    async def forever():
        async with await asyncio.start_server(front, "0.0.0.0", PUBLIC) as server:
            await server.serve_forever()
    threading.Thread(target=lambda: asyncio.run(forever()), daemon=True).start()


def write_settings(home, role, contract):
    """Step 1 of the procedure: the example file, and the lines of it that have to be changed."""
    with open(os.path.join(home, role, "config.example.yaml")) as example:
        text = example.read()
    changes = {'privateKeys: []': f'privateKeys: "{KEYS[role]}"',
               'rpcUrl: "http://127.0.0.1:8545"': f'rpcUrl: "http://{MACHINE}:8545"',
               'contract: "0x5FbDB2315678afecb367f032d93F642f64180aa3"': f'contract: "{contract}"'}
    if role == "provider":
        changes['servingUrl: "http://127.0.0.1:3080"'] = f'servingUrl: "http://{MACHINE}:{PUBLIC}"'
    else:
        changes["allowPrivateProviders:\n"] = "allowPrivateProviders: true\n"
    for old, new in changes.items():
        check(text.count(old) == 1, f"{role}/config.example.yaml has {old.strip()}")
        text = text.replace(old, new)
    path = os.path.join(home, role, "config.local.yaml")
    with open(path, "w") as settings:
        settings.write(text)
    # The owner alone may read it; the image runs under the same number.
    os.chmod(path, 0o600)
    os.chown(path, 1000, 1000)
    return path


def the_image():
    check(inspect("zgserve-tui", ".Config.User") == "1000:1000", "the image runs as a user without rights")
    check(inspect("zgserve-tui", ".Config.Entrypoint") == ["zgserve-tui"], "the program itself is what is started")
    version = run("docker", "run", "--rm", "zgserve-tui", "--version")
    check(version.startswith("zgserve-tui "), f"it says {version.strip()}")
    inside = run("docker", "run", "--rm", "--entrypoint", "/bin/ls", "zgserve-tui", "-lnd", "/var/lib/zgserve")
    check(inside.startswith("drwx------ ") and " 1000 1000 " in inside, "its state belongs to that user alone")


def the_procedure(home, model_port):
    for role, url in (("provider", PROVIDER), ("user", USER)):
        compose(os.path.join(home, role), "up", "-d")
        wait_for(lambda: up(url), f"step {1 if role == 'provider' else 2}: the {role} broker to answer at {url}")
    procedure.walk(model_port, MACHINE)


def how_it_runs(home):
    for role in KEYS:
        name = compose(os.path.join(home, role), "ps", "-q").strip()
        ports = [f"{b['HostIp']}" for bound in inspect(name, ".HostConfig.PortBindings").values() for b in bound]
        check(set(ports) == {"127.0.0.1"}, f"{role}: every port is published on 127.0.0.1 only")
        check(inspect(name, ".HostConfig.ReadonlyRootfs") and inspect(name, ".HostConfig.CapDrop") == ["ALL"],
              f"{role}: no capability, nothing to write to but its state")
        command = inspect(name, ".Config.Env")
        check(not any(KEYS[role][2:] in word for word in command), f"{role}: no key in the environment")
        wait_for(lambda: inspect(name, ".State.Health.Status") == "healthy", f"{role}: healthy", 90)
        check(True, f"{role}: healthy, by the program's own check")


def stop_and_start(home):
    before = curl(f"{USER}/v1/request", expect=200)[1]
    for role, url in (("user", USER), ("provider", PROVIDER)):
        where = os.path.join(home, role)
        name = compose(where, "ps", "-q").strip()
        compose(where, "stop")
        check(inspect(name, ".State.ExitCode") == 0, f"{role}: SIGTERM stops it in order, exit code 0")
        compose(where, "down")
        compose(where, "up", "-d")
        wait_for(lambda: up(url), f"{role}: up again")
    check(curl(f"{USER}/v1/request", expect=200)[1] == before, "a new container goes on with the state of the old one")


def a_token(home, settings):
    where = os.path.join(home, "user")
    with open(settings) as file:
        text = file.read()
    with open(settings, "w") as file:
        file.write(text.replace("\ntokenFile:\n", '\ntokenFile: "/var/lib/zgserve/token"\n'))
    compose(where, "restart")
    wait_for(lambda: up(USER), "the user broker with a token")
    curl(f"{USER}/v1/provider", expect=401)
    token = compose(where, "exec", "-T", "broker", "cat", "/var/lib/zgserve/token").strip()
    curl(f"{USER}/v1/provider", "-H", f"Authorization: Bearer {token}", expect=200)


def what_cannot_be_read(home, settings):
    where = os.path.join(home, "user")
    os.chown(settings, 0, 0)
    compose(where, "up", "-d", "--force-recreate")
    said = wait_for(lambda: "ermission denied" in compose(where, "logs") and compose(where, "logs"), "a refusal")
    check("/etc/zgserve/user.yaml" in said, "settings of somebody else are refused, with the file named")
    compose(where, "down")
    os.rename(settings, settings + ".away")
    said = compose(where, "up", "-d", ok=False)
    check("config.local.yaml" in said and not os.path.exists(settings), "missing settings are told, and no directory made")
    compose(where, "down", ok=False)


def on_the_network_of_the_machine(home):
    """The one broker that needs no word about listening: as without a container."""
    path = os.path.join(home, "user", "config.local.yaml")
    os.chown(path, 1000, 1000)
    run("docker", "run", "-d", "--name", "zgserve-user", "--network", "host", "--env", "ZGSERVE_CONFIG=/etc/zgserve/user.yaml",
        "--volume", f"{path}:/etc/zgserve/user.yaml:ro", "--volume", "zgserve-user:/var/lib/zgserve",
        "--env", f"ZGSERVE_CHAIN__RPC_URL={CHAIN}", "zgserve-tui", "--headless")
    try:
        wait_for(lambda: up(USER), "the user broker on the network of the machine")
        check("127.0.0.1:1034" in run("docker", "logs", "zgserve-user"), "there it listens on loopback only")
    finally:
        run("docker", "rm", "--force", "zgserve-user")


def the_demo(home):
    compose(home, "up", "-d")
    for url in (USER, PROVIDER):
        wait_for(lambda: up(url), "the demo in a container")
    services = curl(f"{USER}/v1/service", expect=200)[1]["Items"]
    check({s["Name"] for s in services} >= {"eliza", "storage"}, "the demo's services are there")
    name = compose(home, "ps", "-q").strip()
    compose(home, "stop")
    check(inspect(name, ".State.ExitCode") == 0, "the demo stops in order")
    compose(home, "down", "--volumes")


def main():
    anvil = sys.argv[1]
    model = ThreadingHTTPServer(("0.0.0.0", 0), procedure.Model)
    threading.Thread(target=model.serve_forever, daemon=True).start()
    serve_front()
    with tempfile.TemporaryDirectory() as home:
        for part in ("user", "provider"):
            os.mkdir(os.path.join(home, part))
            for name in ("docker-compose.yml", "config.example.yaml"):
                shutil.copy(os.path.join(ROOT, part, name), os.path.join(home, part))
        shutil.copy(os.path.join(ROOT, "docker-compose.yml"), home)
        the_image()
        node = subprocess.Popen([anvil, "--host", "0.0.0.0", "--port", "8545", "--silent"])
        try:
            wait_for(lambda: subprocess.run(["curl", "-s", CHAIN], capture_output=True).returncode == 0, "anvil")
            deployed = subprocess.run(
                ["docker", "run", "--rm", "--network", "host", "-i", "-e", "ZGSERVE_PRIVATE_KEYS", "zgserve-tui", "deploy",
                 "--rpc-url", CHAIN, "--lock-time", "120"],
                env={**os.environ, "ZGSERVE_PRIVATE_KEYS": KEYS["provider"]}, capture_output=True, text=True, timeout=60)
            check(deployed.returncode == 0, f"the contract is deployed from a container ({deployed.stderr[-300:]})")
            settings = {role: write_settings(home, role, deployed.stdout.strip()) for role in KEYS}
            try:
                the_procedure(home, model.server_address[1])
                how_it_runs(home)
                stop_and_start(home)
                a_token(home, settings["user"])
                what_cannot_be_read(home, settings["user"])
                os.rename(settings["user"] + ".away", settings["user"])
                on_the_network_of_the_machine(home)
            except SystemExit:
                for role in KEYS:
                    print(compose(os.path.join(home, role), "logs", "--tail", "40", ok=False), file=sys.stderr)
                raise
            finally:
                for role in KEYS:
                    if not os.path.exists(settings[role]):
                        os.rename(settings[role] + ".away", settings[role])
                    compose(os.path.join(home, role), "down", "--volumes", ok=False)
        finally:
            node.kill()
            node.wait()
        the_demo(home)
    finish()


if __name__ == "__main__":
    main()
