"""Roles are killed at random moments under load, now and then all at once with their master; then every message is accounted for."""
import os
import random
import signal
import time

from load import ACKNOWLEDGED, ANSWER_LOST, Ledger, Mover, Numbers, Senders, Sink, Watcher, check_disk, drain, read_boxes, setting
from pombal import PASSWORDS, Pombal, new_address

ACCOUNTS = ["r1", "r2", "r3", "r4", "r5", "r6"]
MOVERS = ["m1", "m2", "m3", "m4"]
PASSWORDS.update({name: f"the secret of {name}" for name in ACCOUNTS + MOVERS})
OPTIONS = {"relay_networks": ["127.0.0.0/8"], "smarthost_tls": "none", "retry_schedule": ["1s"], "plaintext_auth": True, "log_level": "warning",
           "connections_per_address": 0}


def kill_some(server, killed, deaths):
    if random.random() < 0.15:
        server.crash()
        deaths.append(time.monotonic())
        time.sleep(random.uniform(0, 0.2))
        server.start()
        killed["all"] = killed.get("all", 0) + 1
        return
    role = random.choice(("smtp", "queue", "courier", "reader", "queue", "courier", "auth"))
    pid = server.role_pids().get(role)
    if pid:
        os.kill(pid, signal.SIGKILL)
        if role == "courier":
            deaths.append(time.monotonic())
        killed[role] = killed.get(role, 0) + 1


def test_killed_roles():
    target, kills = setting("MESSAGES", 300), setting("KILLS", 8)
    killed, deaths, numbers, ledger, sink = {}, [], Numbers(), Ledger(), Sink(new_address())
    began = time.monotonic()
    with Pombal(options={**OPTIONS, "smarthost": sink.name}, accounts=ACCOUNTS + MOVERS) as server:
        server.expected_noise += [r"event=role\.ended"]
        movers = [Mover(server, ledger, name, numbers) for name in MOVERS]
        for mover in movers:
            mover.prepare()
        watcher = Watcher(server, ledger, ACCOUNTS[0], numbers)
        senders = Senders(server, ledger, ACCOUNTS, setting("SESSIONS", 20), target)
        for part in (*movers, watcher, senders):
            part.start()
        for number in range(kills):
            while senders.acknowledged < target * number // kills and not ledger.problems:
                time.sleep(0.005)
            time.sleep(random.uniform(0, 0.3))
            kill_some(server, killed, deaths)
        senders.join(120 + target / 10)
        loaded = time.monotonic() - began
        for part in (*movers, watcher):
            part.stop()
        drain(server)
        twice = ledger.account_for(read_boxes(server, ACCOUNTS, numbers), sink, deaths)
        for mover in movers:
            mover.check_one_of()
        server.stop()
        leftovers = check_disk(server)
    sink.close()
    print(f"\n{ledger.count(ACKNOWLEDGED)} acknowledged of {len(ledger.letters)}, {ledger.count(ANSWER_LOST)} answers lost; killed {killed}; "
          f"{twice} sent twice; {sum(mover.done for mover in movers)} IMAP changes, {sum(mover.refused for mover in movers)} refused, "
          f"{sum(mover.lost for mover in movers)} answers lost; {watcher.looks} looks, {len(numbers.shown)} UIDs; {leftovers} leftover files; "
          f"{loaded:.0f} s under load, {time.monotonic() - began:.0f} s in all")
